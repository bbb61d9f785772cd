package dev.pitot.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttachCommandTest {
    @TempDir
    Path folder;

    private Path token;

    @BeforeEach
    void write() throws Exception {
        token = Files.writeString(folder.resolve("ingest.token"), "secret\n");
    }

    private AttachArguments arguments(List<String> settings, List<String> options, String... environment) {
        return AttachArguments.of(settings, options, List.of(environment), token);
    }

    @Test
    void thisMachinesTokenIsGivenWhereNothingElseSaysWhich() {
        String ours = "token-file=" + token;
        assertThat(arguments(List.of("service=a,b"), List.of("java", "Shop")).text())
                .isEqualTo("service=a\\,b," + ours);
        // Of the application, and not the agent's.
        assertThat(arguments(List.of(), List.of("java", "Shop", "token=x"), "TOKEN=y", "PITOT_SERVICE=shop")
                        .text())
                .isEqualTo(ours);
        for (String own : List.of("token=x", "token-file=/x", "config=/x")) {
            assertThat(arguments(List.of(own), List.of()).text()).isEqualTo(own);
            assertThat(arguments(List.of(), List.of("java", "-Dpitot." + own, "Shop"))
                            .text())
                    .isEmpty();
        }
        for (String own : List.of("PITOT_TOKEN=x", "PITOT_TOKEN_FILE=/x", "PITOT_CONFIG=/x")) {
            AttachArguments arguments = arguments(List.of(), List.of(), own);
            assertThat(arguments.text()).isEmpty();
            assertThat(arguments.lacksToken()).isFalse();
        }
    }

    @Test
    void thisMachinesTokenIsKeptFromCollectorsElsewhere() {
        for (String near : List.of("http://127.0.0.1:7070", "http://localhost:9", "http://[::1]:7070")) {
            assertThat(arguments(List.of("collector=" + near), List.of()).text())
                    .as(near)
                    .endsWith(",token-file=" + token);
        }
        for (String far : List.of("https://192.0.2.1:7070", "https://pitot.example", "http://[2001:db8::1]", "%")) {
            for (AttachArguments arguments : List.of(
                    arguments(List.of("collector=" + far), List.of()),
                    arguments(List.of(), List.of("-Dpitot.collector=" + far)),
                    arguments(List.of(), List.of(), "PITOT_COLLECTOR=" + far))) {
                assertThat(arguments.text()).as(far).doesNotContain("token");
                assertThat(arguments.lacksToken()).isTrue();
                assertThat(arguments.collector()).isEqualTo(far);
            }
        }
        AttachArguments told =
                arguments(List.of("token-file=/theirs"), List.of("-Dpitot.collector=https://pitot.example"));
        assertThat(told.lacksToken()).isFalse();
        assertThat(told.text()).isEqualTo("token-file=/theirs");
        // As in the agent: what is said here comes before the options, and these before the environment.
        assertThat(arguments(
                                List.of("collector=http://127.0.0.1:1"),
                                List.of("-Dpitot.collector=https://pitot.example"))
                        .lacksToken())
                .isFalse();
    }

    @Test
    void optionsOfAVariableAreSplitAsTheJvmDoes() {
        assertThat(JavaProcess.words(" -Dpitot.token-file=/x -XX:+DisableAttachMechanism\t-Da='b c'\n\"-Dd=e 'f\" '' "))
                .containsExactly("-Dpitot.token-file=/x", "-XX:+DisableAttachMechanism", "-Da=b c", "-Dd=e 'f", "");
        assertThat(JavaProcess.words("  ")).isEmpty();
    }

    @Test
    void whatIsLongerThanAJvmTakesIsRefusedBeforeItIsAsked() {
        Path agent = Path.of("/a.jar");
        arguments(List.of("token=x", "service=" + "ä".repeat(500)), List.of()).checkLength(agent);
        assertThatThrownBy(() -> arguments(List.of("token=x", "service=" + "ä".repeat(501)), List.of())
                        .checkLength(agent))
                .hasMessageContaining("1025 bytes")
                .hasMessageContaining("config=FILE");
    }

    private static String told(boolean already, String state) {
        JavaProcess self = new JavaProcess(ProcessHandle.current().pid(), 0, "u", "Shop", false);
        StringWriter out = new StringWriter();
        AttachCommand.tell(self, new Attachment.Outcome(already, state, new Properties()), new PrintWriter(out, true));
        return out.toString();
    }

    @Test
    void onlyOneThatRunsIsSaidToRun() {
        assertThat(told(false, "running, and sends to http://x"))
                .startsWith("Pitot now runs in process")
                .contains("(Shop), and sends to http://x.");
        assertThat(told(true, "running, and sends to http://x")).contains("already runs");
        for (String state : List.of("starting", "", "something else")) {
            assertThatThrownBy(() -> told(false, state))
                    .isInstanceOfSatisfying(CommandFailure.class, failure -> assertThat(failure.exitCode())
                            .isEqualTo(1))
                    .hasMessageEndingWith(".")
                    .hasMessageNotContainingAny("security manager", "runs in")
                    .hasMessageContaining(state.equals("starting") ? "still starting after 30 s" : "cannot be seen");
        }
    }
}
