package dev.pitot.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PitotTest {
    private record Run(int exit, String out, String err) {}

    private static Run pitot(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exit = Pitot.run(args, new PrintWriter(out, true), new PrintWriter(err, true));
        return new Run(exit, out.toString(), err.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''|command",
                "fly|fly",
                "serve --port abc|--port",
                "serve --port 70000|--port",
                "serve --port -1|--port",
                "serve --bogus|--bogus",
                "serve --bind 0.0.0.0|--insecure",
                "serve --bind no.such.host.invalid|--bind",
                "serve --db-url mysql://x|--db-url",
                "serve --db-user me|--db-url",
                "serve --db-url jdbc:postgresql://127.0.0.1/x --db-password-file /nonexistent|/nonexistent",
                "serve --retention-events never|--retention-events",
                "serve --retention-blocks 5|--retention-blocks",
                "serve --events com..acme|--events",
                "serve --rate 5|--rate",
                "demo --rate 201|--rate",
                "demo --rate -1|--rate",
                "demo --rate NaN|--rate",
                "demo --data|--data",
            })
    void whatCannotBeIsOneSentenceThatNamesItAndExitCodeTwo(String line, String named) {
        Run run = pitot(line.isEmpty() ? new String[0] : line.split(" "));
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err().strip())
                .contains(named)
                .endsWith(".")
                .doesNotContain("\n")
                .doesNotContain("Exception");
        assertThat(run.out()).isEmpty();
    }

    @Test
    void aPortInUseIsSaidBeforeAnythingIsStarted(@TempDir Path folder) throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            Path data = folder.resolve("data");
            Run run = pitot("serve", "--port", "" + taken.getLocalPort(), "--data", data.toString());
            assertThat(run.exit()).isEqualTo(1);
            assertThat(run.err().strip())
                    .contains(taken.getLocalPort() + "")
                    .contains("--port")
                    .doesNotContain("\n");
            assertThat(data).doesNotExist();
        }
    }

    @Test
    void aFolderOfOthersIsNotTakenOver(@TempDir Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.writeString(folder.resolve("letter.txt"), "dear");
        Run run = pitot("serve", "--port", "0", "--data", folder.toString());
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains(folder.toString()).contains("chmod 700");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)))
                .isEqualTo("rwxr-xr-x");
    }

    @Test
    void anEmptyFolderIsMadePrivate(@TempDir Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        DataFolder.open(folder);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)))
                .isEqualTo("rwx------");
        Path fresh = folder.resolve("a").resolve("b");
        DataFolder.open(fresh);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(fresh)))
                .isEqualTo("rwx------");
    }

    @Test
    void helpAndVersionAreNoErrors() {
        assertThat(pitot("--help").exit()).isZero();
        assertThat(pitot("--help").out()).contains("serve").contains("demo");
        assertThat(pitot("serve", "--help").out()).contains("--retention-segments");
        assertThat(pitot("--version").out()).startsWith("pitot ");
    }

    @Test
    void debugShowsWhereItCameFrom() {
        assertThat(pitot("serve", "--bind", "0.0.0.0", "--debug").err()).contains("at dev.pitot");
    }
}
