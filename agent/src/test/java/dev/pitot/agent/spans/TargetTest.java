package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetTest {
    @ParameterizedTest
    @CsvSource({
        "shop, -1, shop",
        "Shop.Example.COM, 8080, shop.example.com:8080",
        "::1, 8080, [::1]:8080",
        "[::1], 8080, [::1]:8080",
        "[FE80::1%eth0], -1, [fe80::1%eth0]",
        "user:secret@shop, 81, shop:81",
        "user@[::1], 81, [::1]:81",
        "user:p@ss@shop, -1, shop",
        "127.0.0.1, 0, 127.0.0.1:0",
    })
    void oneServerHasOneName(String host, int port, String target) {
        assertThat(Target.of(host, port)).isEqualTo(target);
    }

    @Test
    void whatIsNoNameStaysShort() {
        assertThat(Target.of(null, -1)).isEqualTo("(unknown)");
        assertThat(Target.of("", 80)).isEqualTo("(unknown):80");
        assertThat(Target.of("x".repeat(10_000), 80)).hasSizeLessThan(300);
    }
}
