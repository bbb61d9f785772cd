package dev.pitot.web.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.access.Access.Caller;
import dev.pitot.web.access.Access.Login;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What of the sessions outlives a collector. */
class SessionsTest {
    private static final Tokens TOKENS = new Tokens(
            "ingest-0123456789012345678901234567890",
            "view-01234567890123456789012345678901",
            "admin-0123456789012345678901234567890");

    @TempDir
    Path folder;

    private final Watch clock = new Watch(Instant.parse("2026-01-01T00:00:00Z"));
    private final List<String> warnings = new ArrayList<>();
    private Path file;

    @BeforeEach
    void inTheFolder() {
        file = folder.resolve(Sessions.FILE);
    }

    /** A collector that starts here; the one before may have been closed, or killed. */
    private Access start() {
        return new Access(TOKENS, clock, folder, warnings::add);
    }

    private static String login(Access access) {
        return ((Login.Granted) access.loginWithToken(TOKENS.view())).session();
    }

    @Test
    void aSessionGoesOnAfterARestartAndAKill() {
        String session = login(start());
        Access second = start();
        assertThat(second.caller(null, session)).isEqualTo(Caller.VIEWER);
        assertThat(second.caller(null, session + "x")).isEqualTo(Caller.NOBODY);
        second.close();
        assertThat(start().caller(null, session)).isEqualTo(Caller.VIEWER);
        assertThat(warnings).isEmpty();
    }

    @Test
    void theFileIsForItsOwnerAndHoldsNoSecret() throws IOException {
        String session = login(start());
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(Files.readString(file))
                .doesNotContain(session)
                .doesNotContain(TOKENS.view())
                .hasLineCount(2);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aLogoutLastsWhateverHappensToTheCollector() throws IOException {
        Access access = start();
        String session = login(access);
        String other = login(access);
        access.logout(access.session(null, session));
        Access killed = start();
        assertThat(killed.caller(null, session)).isEqualTo(Caller.NOBODY);
        assertThat(killed.caller(null, other)).isEqualTo(Caller.VIEWER);
    }

    @Test
    void aLogoutThatCannotBeWrittenRemovesTheFileOrSaysSo() throws IOException {
        Access access = start();
        String session = login(access);
        String other = login(access);
        // No file can be made where a folder that is not empty has the name.
        Path inTheWay =
                Files.createDirectories(folder.resolve(Sessions.FILE + ".new").resolve("x"));
        access.logout(access.session(null, session));
        assertThat(file).doesNotExist();
        assertThat(start().caller(null, session)).isEqualTo(Caller.NOBODY);
        Files.createDirectories(file.resolve("x"));
        assertThatThrownBy(() -> access.logout(access.session(null, other)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file.toString())
                .hasMessageEndingWith("remove that file.");
        assertThat(access.caller(null, other)).isEqualTo(Caller.NOBODY);
        assertThat(inTheWay).exists();
    }

    @Test
    void timeWithoutACollectorCountsAsIdle() {
        Access access = start();
        String session = login(access);
        clock.pass(Duration.ofHours(11));
        assertThat(access.caller(null, session)).isEqualTo(Caller.VIEWER);
        access.close();
        clock.pass(Duration.ofHours(11));
        assertThat(start().caller(null, session)).as("its last use was written").isEqualTo(Caller.VIEWER);
        clock.pass(Duration.ofHours(13));
        assertThat(start().caller(null, session)).isEqualTo(Caller.NOBODY);
    }

    @Test
    void usesAreWrittenNowAndThenAndNotEachTime() throws IOException {
        Access access = start();
        String session = login(access);
        FileTime longAgo = FileTime.fromMillis(0);
        Files.setLastModifiedTime(file, longAgo);
        for (int i = 0; i < 100; i++) {
            access.caller(null, session);
        }
        clock.pass(Sessions.WRITTEN_EVERY.minusMillis(1));
        access.caller(null, session);
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(longAgo);
        clock.pass(Duration.ofMillis(1));
        access.caller(null, session);
        assertThat(Files.getLastModifiedTime(file)).isNotEqualTo(longAgo);
        assertThat(Files.readString(file)).contains(" " + clock.millis());
    }

    @Test
    void theOneUsedLeastLatelyMakesRoom() throws IOException {
        Access before = start();
        String first = login(before);
        String second = login(before);
        StringBuilder full = new StringBuilder(Files.readString(file));
        for (int i = 2; i < Sessions.MOST; i++) {
            full.append(String.format("%064x %d%n", i, clock.millis()));
        }
        Files.writeString(file, full);
        Access access = start();
        assertThat(access.caller(null, first)).isEqualTo(Caller.VIEWER);
        login(access);
        Access again = start();
        assertThat(again.caller(null, first)).isEqualTo(Caller.VIEWER);
        assertThat(again.caller(null, second)).isEqualTo(Caller.NOBODY);
        assertThat(file).content().hasLineCount(Sessions.MOST + 1);
    }

    @Test
    void whatASessionMayDoOutlivesARestart() {
        Access first = start();
        String viewer = login(first);
        String admin = ((Login.Granted) first.loginWithToken(TOKENS.admin())).session();
        assertThat(first.caller(null, admin)).isEqualTo(Caller.ADMIN);
        Access second = start();
        assertThat(second.caller(null, admin)).isEqualTo(Caller.ADMIN);
        assertThat(second.caller(null, viewer)).isEqualTo(Caller.VIEWER);
        assertThat(second.caller(null, admin)).as("a use changes nothing of it").isEqualTo(Caller.ADMIN);
    }

    @Test
    void aNewAdminTokenEndsTheSessionsOfTheOldOne() {
        String admin = ((Login.Granted) start().loginWithToken(TOKENS.admin())).session();
        Tokens changed = new Tokens(TOKENS.ingest(), TOKENS.view(), TOKENS.admin() + "x");
        assertThat(new Access(changed, clock, folder, warnings::add).caller(null, admin))
                .isEqualTo(Caller.NOBODY);
    }

    @Test
    void aNewViewTokenEndsTheSessionsOfTheOldOne() {
        String session = login(start());
        Tokens changed = new Tokens(TOKENS.ingest(), TOKENS.view() + "x", TOKENS.admin());
        assertThat(new Access(changed, clock, folder, warnings::add).caller(null, session))
                .isEqualTo(Caller.NOBODY);
        assertThat(warnings).singleElement().asString().contains("new view or admin token");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "\n", "pitot-sessions 2 x\n", "SAME LINE\ngarbage\n", "SAME LINE\n0123 5\n", "\u00e4\u00ff\n"
            })
    void aFileThatMakesNoSenseMeansNoSessionsAndNotAFailedStart(String content) throws IOException {
        String session = login(start());
        String line = Files.readAllLines(file).get(0);
        Files.writeString(file, content.replace("SAME LINE", line));
        Access access = start();
        assertThat(access.caller(null, session)).isEqualTo(Caller.NOBODY);
        assertThat(warnings)
                .singleElement()
                .asString()
                .contains(file.toString())
                .endsWith("log in again.");
        String next = login(access);
        assertThat(start().caller(null, next)).as("and the next ones are kept").isEqualTo(Caller.VIEWER);
    }

    @Test
    void aFileThatOthersCouldWriteOrThatIsNoneIsNotTakenUp() throws IOException {
        String session = login(start());
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThat(start().caller(null, session)).isEqualTo(Caller.NOBODY);
        Path elsewhere = Files.move(file, folder.resolve("elsewhere"));
        Files.setPosixFilePermissions(elsewhere, PosixFilePermissions.fromString("rw-------"));
        Files.createSymbolicLink(file, elsewhere);
        assertThat(start().caller(null, session)).isEqualTo(Caller.NOBODY);
        assertThat(warnings).hasSize(2);
    }
}
