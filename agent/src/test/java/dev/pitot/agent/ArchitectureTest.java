package dev.pitot.agent;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The direction of dependencies in the target, and what the agent must keep its hands off there. */
@AnalyzeClasses(
        packages = {"dev.pitot.agent", "dev.pitot.events"},
        importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule eventsStandOnTheJdkAlone = classes()
            .that()
            .resideInAPackage("dev.pitot.events..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("dev.pitot.events..", "java..", "jdk.jfr..", "org.jspecify.annotations..");

    @ArchTest
    static final ArchRule nothingKnowsTheStarter = noClasses()
            .that()
            .resideInAnyPackage(
                    "..config..",
                    "..counters..",
                    "..instrument..",
                    "..recording..",
                    "..samplers..",
                    "..spans..",
                    "..status..",
                    "..uplink..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.pitot.agent");

    @ArchTest
    static final ArchRule whatMeasuresKnowsNothingOfShipping = noClasses()
            .that()
            .resideInAnyPackage("..counters..", "..instrument..", "..samplers..", "..spans..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("..recording..", "..uplink..");

    @ArchTest
    static final ArchRule byteBuddyIsBehindTheTransformer = noClasses()
            .that()
            .resideOutsideOfPackage("..instrument..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("net.bytebuddy..");

    @ArchTest
    static final ArchRule jnaIsBehindTheCounters = noClasses()
            .that()
            .resideOutsideOfPackage("..counters..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.sun.jna..");

    /**
     * Each of these initialises or consults something that belongs to the application (ADR 0009). Advice is never loaded: it is
     * inlined into these very classes.
     */
    @ArchTest
    static final ArchRule noGlobalsOfTheApplication = noClasses()
            .that()
            .resideInAPackage("dev.pitot..")
            .and()
            .haveNameNotMatching("dev\\.pitot\\.agent\\.instrument\\.\\w+\\$On\\w+")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("java.util.logging..", "java.net.http..")
            .orShould()
            .dependOnClassesThat()
            .haveFullyQualifiedName("java.net.HttpURLConnection");
}
