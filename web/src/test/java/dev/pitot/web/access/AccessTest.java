package dev.pitot.web.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.access.Access.Caller;
import dev.pitot.web.access.Access.Login;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccessTest {
    private final Watch clock = new Watch(Instant.parse("2026-01-01T00:00:00Z"));
    private final Tokens tokens = new Tokens(
            "ingest-0123456789012345678901234567890",
            "view-01234567890123456789012345678901",
            "admin-0123456789012345678901234567890");
    private final Access access = new Access(tokens, clock);

    @Test
    void eachTokenSaysWhoAsks() {
        assertThat(access.caller("Bearer " + tokens.ingest(), null)).isEqualTo(Caller.AGENT);
        assertThat(access.caller("bearer " + tokens.view(), null)).isEqualTo(Caller.VIEWER);
        assertThat(access.caller("Bearer " + tokens.admin(), null)).isEqualTo(Caller.ADMIN);
        for (String other :
                new String[] {"", "Bearer", "Bearer ", "Bearer x", "Basic " + tokens.view(), tokens.view()}) {
            assertThat(access.caller(other, null)).as(other).isEqualTo(Caller.NOBODY);
        }
        assertThat(access.caller(null, null)).isEqualTo(Caller.NOBODY);
    }

    @Test
    void aLoginCodeWorksOnce() {
        String code = access.newLoginCode();
        String session = granted(access.loginWithCode(code));
        assertThat(access.caller(null, session)).isEqualTo(Caller.ADMIN);
        assertThat(access.loginWithCode(code)).isInstanceOf(Login.Wrong.class);
    }

    @Test
    void aLoginCodeIsTooOldAfterTenMinutes() {
        String code = access.newLoginCode();
        clock.pass(Access.CODE_LIFE.plusMillis(1));
        assertThat(access.loginWithCode(code)).isInstanceOf(Login.Wrong.class);
    }

    @Test
    void aSessionEndsAfterTwelveIdleHoursOrALogout() throws IOException {
        String session = granted(access.loginWithToken(tokens.view()));
        clock.pass(Duration.ofHours(11));
        assertThat(access.caller(null, session)).isEqualTo(Caller.VIEWER);
        clock.pass(Duration.ofHours(11));
        assertThat(access.caller(null, session)).as("use keeps it alive").isEqualTo(Caller.VIEWER);
        clock.pass(Duration.ofHours(13));
        assertThat(access.caller(null, session)).isEqualTo(Caller.NOBODY);
        String other = granted(access.loginWithToken(tokens.view()));
        access.logout(access.session(null, other));
        assertThat(access.caller(null, other)).isEqualTo(Caller.NOBODY);
    }

    @Test
    void afterTenWrongLoginsAMinuteWrongOnesHaveToWaitAndRightOnesDoNot() {
        String code = access.newLoginCode();
        for (int i = 0; i < Access.WRONG_LOGINS_A_MINUTE; i++) {
            assertThat(access.loginWithToken("wrong")).isInstanceOf(Login.Wrong.class);
        }
        assertThat(access.loginWithToken("wrong")).isInstanceOf(Login.TooMany.class);
        assertThat(access.loginWithCode("wrong")).isInstanceOf(Login.TooMany.class);
        granted(access.loginWithToken(tokens.view()));
        granted(access.loginWithCode(code));
        assertThat(access.loginWithCode(code)).as("used up").isInstanceOf(Login.TooMany.class);
        clock.pass(Duration.ofMinutes(1));
        assertThat(access.loginWithToken("wrong")).isInstanceOf(Login.Wrong.class);
    }

    @Test
    void theSessionOfATokenIsNone() {
        assertThat(access.session("Bearer " + tokens.view(), "x")).isNull();
        assertThat(access.session(null, null)).isNull();
    }

    @Test
    void theIngestTokenIsNoLogin() {
        assertThat(access.loginWithToken(tokens.ingest())).isInstanceOf(Login.Wrong.class);
    }

    @Test
    void tokensAreMadeOnceInFilesForTheOwnerOnly(@TempDir Path folder) throws IOException {
        List<String> warnings = new ArrayList<>();
        Tokens made = Tokens.in(folder, warnings::add);
        assertThat(made.ingest()).hasSize(43).isNotEqualTo(made.view());
        for (String file : List.of(Tokens.INGEST_FILE, Tokens.VIEW_FILE, Tokens.ADMIN_FILE)) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve(file))))
                    .isEqualTo("rw-------");
        }
        assertThat(Tokens.in(folder, warnings::add)).isEqualTo(made);
        assertThat(warnings).isEmpty();
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(3);
        }
    }

    @Test
    void aTokenFileThatOthersMayReadIsClosedAndSaidSo(@TempDir Path folder) throws IOException {
        Tokens made = Tokens.in(folder, warning -> {});
        Path file = folder.resolve(Tokens.VIEW_FILE);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        List<String> warnings = new ArrayList<>();
        assertThat(Tokens.in(folder, warnings::add)).isEqualTo(made);
        assertThat(warnings).singleElement().asString().contains("view.token");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    @Test
    void aLinkOrAShortFileInPlaceOfATokenIsRefused(@TempDir Path folder) throws IOException {
        Path file = folder.resolve(Tokens.VIEW_FILE);
        Files.writeString(file, "short\n");
        assertThatThrownBy(() -> Tokens.in(folder, warning -> {}))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("view.token");
        Files.delete(file);
        Files.createSymbolicLink(file, folder.resolve("elsewhere"));
        assertThatThrownBy(() -> Tokens.in(folder, warning -> {}))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("regular file");
    }

    private static String granted(Login login) {
        assertThat(login).isInstanceOf(Login.Granted.class);
        return ((Login.Granted) login).session();
    }
}
