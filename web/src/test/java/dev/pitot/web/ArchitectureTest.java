package dev.pitot.web;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rooms of the collector and which door leads where. */
class ArchitectureTest {
    private static final String[] OURS = {
        "dev.pitot.web",
        "dev.pitot.web.access",
        "dev.pitot.web.api",
        "dev.pitot.web.archive",
        "dev.pitot.web.compare",
        "dev.pitot.web.demo",
        "dev.pitot.web.ingest",
        "dev.pitot.web.jfr",
        "dev.pitot.web.live",
        "dev.pitot.web.peers",
        "dev.pitot.web.metrics",
        "dev.pitot.web.postgres",
        "dev.pitot.web.store"
    };
    private static final JavaClasses WEB = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(OURS);

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "jfr|",
                "postgres|",
                "access|",
                "compare|store",
                "live|",
                "store|live",
                "ingest|store,live,jfr",
                "archive|store,live",
                "peers|live,store",
                "demo|",
                "metrics|ingest,live,store",
                "api|access,archive,compare,ingest,live,metrics,peers,store"
            })
    void aRoomUsesOnlyThese(String room, String uses) {
        StringBuilder allowed = new StringBuilder("dev.pitot.web." + room);
        if (uses != null) {
            for (String other : uses.split(",")) {
                allowed.append(' ').append("dev.pitot.web.").append(other);
            }
        }
        String[] packages = allowed.toString().split(" ");
        ArchRule rule = noClasses()
                .that()
                .resideInAPackage("dev.pitot.web." + room)
                .should()
                .dependOnClassesThat(com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage(
                                "dev.pitot.web..")
                        .and(com.tngtech.archunit.base.DescribedPredicate.not(
                                com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage(packages))));
        rule.check(WEB);
    }

    @Test
    void everyRoomIsNamedHere() {
        ArchRule rule =
                classes().that().resideInAPackage("dev.pitot.web..").should().resideInAnyPackage(OURS);
        rule.check(new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.pitot.web"));
    }

    @Test
    void theCollectorKnowsTheWireAndNotTheAgent() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.pitot.agent..", "dev.pitot.events..")
                .check(WEB);
    }

    @Test
    void onlyTheDemoKnowsTheExamples() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.pitot.web.demo")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.pitot.examples..")
                .check(WEB);
    }

    @Test
    void onlyTheApiKnowsTheServer() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.pitot.web.api")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.javalin..", "org.eclipse.jetty..")
                .check(WEB);
    }
}
