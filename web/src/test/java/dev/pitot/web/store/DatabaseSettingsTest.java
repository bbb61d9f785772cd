package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseSettingsTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "mysql://host/x",
                "jdbc:postgresql://[bad",
                "jdbc:postgresql://host",
                "jdbc:postgresql://host:99999/x?password=secret",
                "jdbc:postgresql://me:secret@host/x",
                "jdbc:postgresql://me:secret@host:5432/x",
                "jdbc:postgresql://me:se/cret@host/x",
                "jdbc:postgresql://me:se?cret@host/x",
                "jdbc:postgresql://host/x?password=secret&y=%zz",
            })
    void aUrlThatCannotBeIsOneSentenceWithoutItAndNothingInTheLog(String url) {
        PrintStream console = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setErr(new PrintStream(printed, true));
        try {
            assertThatThrownBy(() -> DatabaseSettings.of(url, null, null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("jdbc:postgresql://host:5432/pitot")
                    .hasMessageEndingWith(".")
                    .message()
                    .doesNotContain("secret")
                    .doesNotContain("se/cret")
                    .doesNotContain("cret@");
        } finally {
            System.setErr(console);
        }
        assertThat(printed.toString()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:postgresql:pitot",
                "jdbc:postgresql://host/pitot",
                "jdbc:postgresql://a:1,b:2/pitot?targetServerType=primary",
                "jdbc:postgresql://[::1]:5432/pitot",
                "jdbc:postgresql:///pitot",
            })
    void whatTheDriverUnderstandsIsTaken(String url) {
        assertThat(DatabaseSettings.of(url, null, null).url()).isEqualTo(url);
    }

    @Test
    void aPasswordIsNeitherPrintedNorNamedInAnError() {
        DatabaseSettings settings =
                DatabaseSettings.of("jdbc:postgresql://127.0.0.1:1/none?user=me&password=secret1", "me", "secret2");
        assertThat(settings.toString()).contains("127.0.0.1:1/none").doesNotContain("secret");
        assertThatThrownBy(() -> Database.open(settings))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("127.0.0.1:1/none cannot be used")
                .hasMessageContaining("(connection refused); check its address")
                .message()
                .doesNotContain("secret");
    }

    @Test
    void aHostThatNobodyKnowsIsSaidToBeThat() {
        // An address that is none needs no lookup.
        assertThatThrownBy(() -> Database.open(DatabaseSettings.of("jdbc:postgresql://[::zz]/x", "u", "p")))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("no host is known by the name [::zz]");
    }
}
