package dev.pitot.web.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code serve} as a user without an entry in /etc/passwd, as containers run it that are started with any user number. */
class NamelessUserIT {
    private static final int UID = 54_321;
    private static final String JAR = System.getProperty("pitot.test.pitotJar");

    private final Path folder = TestPostgres.reachableFolder("nameless");
    private final Path output = folder.resolve("output");

    @BeforeEach
    void aFolderOfThatUser() throws Exception {
        assumeThat(ServiceAccount.ownUid()).as("only root becomes another user").isZero();
        assumeThat(ServiceAccount.isNamed(UID)).isFalse();
        Binaries.delete(folder);
        Files.createDirectories(folder);
        Files.setAttribute(folder, "unix:uid", UID, LinkOption.NOFOLLOW_LINKS);
        assumeThat(run("test", "-r", JAR))
                .as("pitot.jar is where that user can read it")
                .isZero();
    }

    @AfterEach
    void removeTheFolder() throws Exception {
        Binaries.delete(folder);
    }

    @Test
    void usersOfTheSystemHaveNames() {
        assertThat(ServiceAccount.isNamed(ServiceAccount.ownUid())).isTrue();
    }

    @Test
    void withoutAHomeItIsToldToNameAFolderAndMakesNone() throws Exception {
        assertThat(serve()).isEqualTo(2);
        assertThat(Files.readString(output))
                .contains("no home folder")
                .contains("--data")
                .hasLineCount(1);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(output);
        }
    }

    @Test
    void thatPostgresNeedsANameIsSaidBeforeAnythingIsUnpacked() throws Exception {
        assertThat(serve("--data", folder.resolve("data").toString())).isEqualTo(1);
        assertThat(Files.readString(output))
                .contains("the user number " + UID + " has no entry in /etc/passwd")
                .contains("--db-url")
                .hasLineCount(1);
        try (var files = Files.list(folder.resolve("data").resolve("postgres"))) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.startsWith("bin")))
                    .isEmpty();
        }
    }

    private int serve(String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar",
                JAR,
                "serve",
                "--port",
                "0"));
        command.addAll(List.of(options));
        return run(command.toArray(new String[0]));
    }

    private int run(String... words) throws Exception {
        List<String> command = new ArrayList<>(
                List.of("setpriv", "--reuid=" + UID, "--regid=" + UID, "--clear-groups", "--no-new-privs", "--"));
        command.addAll(List.of(words));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().keySet().removeAll(List.of("HOME", "XDG_DATA_HOME", "JAVA_TOOL_OPTIONS"));
        Process process = builder.start();
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("it serves: " + Files.readString(output));
        }
        return process.exitValue();
    }
}
