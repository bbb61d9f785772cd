package dev.pitot.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
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
                // An address that is none: it needs no lookup.
                "serve --bind [::zz]|--bind",
                "serve --db-url mysql://x|--db-url",
                "serve --db-url jdbc:postgresql://[bad|--db-url",
                "serve --db-url jdbc:postgresql://me:secret@host/x|--db-user",
                "serve --db-user me|--db-url",
                "db|'db' needs a command, which is 'upgrade'",
                "db upgrade --old|--old",
                "serve --db-connections 7|--db-connections must be from 8 to 40 with the embedded",
                "serve --db-url jdbc:postgresql://127.0.0.1/x --db-connections 501|must be from 8 to 500, not 501",
                "serve --db-url jdbc:postgresql://127.0.0.1/x --db-password-file /nonexistent|/nonexistent",
                "serve --retention-events never|--retention-events",
                "serve --retention-blocks 5|--retention-blocks",
                "serve --retention-events 0s|--retention-events must be from 1m to 3650d",
                "serve --retention-segments 59s|--retention-segments must be from 1m to 3650d",
                "serve --retention-blocks 999999999d|--retention-blocks must be from 1m to 3650d",
                "serve --retention-blocks 3651d|--retention-blocks must be from 1m to 3650d",
                "serve --retention-hours 1|--retention-hours",
                "serve --disk-reserve 5|--disk-reserve",
                "serve --disk-reserve 63MB|--disk-reserve must be 64MB or more",
                "retention --service shop|--service belongs to --set",
                "retention --set events|--set",
                "retention --collector x --data /tmp|--collector x",
                "retention --data /nonexistent|/nonexistent/admin.token",
                "serve --data /tmp/a=b/c|/tmp/a=b/c has a '='",
                "serve --events com..acme|--events",
                "serve --rate 5|--rate",
                "demo --rate 201|--rate",
                "demo --rate -1|--rate",
                "demo --rate NaN|--rate",
                "demo --data|--data",
                "doctor x|PID",
                "compare --a version=1|--b",
                "compare --a v=1 --b v=2 --fail-on p98>5%|'p98'",
                "compare --a v=1 --b v=2 --format xml|--format",
                "compare --a v=1 --b v=2 --token-file /nonexistent|/nonexistent",
                "attach four|'four' is neither",
                "attach 1 2|'2' is neither",
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
        assertThat(run.err()).doesNotContain("secret");
    }

    @Test
    void aProcessThatIsNoJvmIsNotAttachedTo() {
        Run gone = pitot("attach", "999999999");
        assertThat(gone.exit()).isEqualTo(1);
        assertThat(gone.err().strip()).isEqualTo("There is no process 999999999 here.");
        assertThat(pitot("doctor", "999999999").err().strip()).isEqualTo("There is no process 999999999 here.");
        Run self = pitot("attach", String.valueOf(ProcessHandle.current().pid()));
        assertThat(self.err()).contains("is this command itself");
    }

    @Test
    void theMainClassIsTheFirstWordThatIsNoOption() {
        assertThat(JavaProcess.main(List.of("java", "-Xmx1g", "-cp", "a.jar:b.jar", "com.acme.Shop", "--port")))
                .isEqualTo("com.acme.Shop");
        assertThat(JavaProcess.main(List.of("java", "-Dx=y", "-jar", "/opt/shop/shop.jar", "serve")))
                .isEqualTo("shop.jar");
        assertThat(JavaProcess.main(List.of("java", "--add-modules", "x", "-m", "shop/com.acme.Shop")))
                .isEqualTo("shop/com.acme.Shop");
        assertThat(JavaProcess.main(List.of("/usr/bin/java", "@options"))).isEqualTo("/usr/bin/java @options");
    }

    @Test
    void aBlankAddressIsRefused() {
        for (String blank : new String[] {"", " "}) {
            Run run = pitot("serve", "--bind", blank);
            assertThat(run.exit()).isEqualTo(2);
            assertThat(run.err()).contains("--bind needs an address");
        }
    }

    @Test
    void helpIsNamedByTheCommandThatGivesIt() {
        assertThat(pitot("serve", "--bogus").err()).contains("Run 'java -jar pitot.jar serve --help'");
        assertThat(pitot("fly").err()).contains("Run 'java -jar pitot.jar --help'");
        assertThat(pitot("serve", "--help").out()).startsWith("Usage: java -jar pitot.jar serve ");
    }

    @Test
    void whatIsInTheWayIsSaidInWords(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "x");
        Run run = pitot("serve", "--port", "0", "--data", file.resolve("below").toString());
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err())
                .contains(file + ": it exists already and is no folder")
                .contains("--data")
                .doesNotContain("Exception");
    }

    @Test
    void theDataFolderIsInTheHomeThatTheUserHas(@TempDir Path home) {
        String folder = home.toString();
        Path expected = home.resolve(".local").resolve("share").resolve("pitot");
        assertThat(CollectorOptions.defaultFolder(Map.of("HOME", folder), "me", "/nowhere"))
                .isEqualTo(expected);
        assertThat(CollectorOptions.defaultFolder(Map.of("HOME", folder), "?", "?"))
                .isEqualTo(expected);
        assertThat(CollectorOptions.defaultFolder(Map.of("HOME", folder + "/not"), "me", folder))
                .isEqualTo(expected);
        assertThat(CollectorOptions.defaultFolder(Map.of("HOME", "relative"), "me", folder))
                .isEqualTo(expected);
        assertThat(CollectorOptions.defaultFolder(Map.of("HOME", folder), "root", "/root"))
                .isEqualTo(Path.of("/var/lib/pitot"));
        assertThat(CollectorOptions.defaultFolder(Map.of("HOME", "/x", "XDG_DATA_HOME", "/data"), "root", "/root"))
                .isEqualTo(Path.of("/data/pitot"));
        assertThatThrownBy(() -> CollectorOptions.defaultFolder(Map.of(), "?", "?"))
                .isInstanceOf(CommandFailure.class)
                .hasMessageContaining("no home folder")
                .hasMessageEndingWith("--data.");
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
