package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RouteTemplateTest {
    @ParameterizedTest
    @CsvSource({
        "/, /",
        "/orders, /orders",
        "/orders/, /orders",
        "//orders//new, /orders/new",
        "/orders/42, /orders/{id}",
        "/orders/-1/items/7.5, /orders/{id}/items/{id}",
        "/v1/oauth2/s3, /v1/oauth2/s3",
        "/orders/ORD-47110, /orders/{id}",
        "/days/2026-11-23, /days/{id}",
        "/u/123e4567-e89b-12d3-a456-426614174000/x, /u/{id}/x",
        "/c/deadbeef0, /c/{id}",
        "/c/deadbeefcafebabe, /c/{id}",
        "/feedback/dead, /feedback/dead",
        "/t/aGVsbG8gd29ybGQhMQ==, /t/{id}",
        "/t/xY7abcdefGhijkLmn, /t/{id}",
        "/internationalization-of-things, /internationalization-of-things",
        "/caf%C3%A9/menu, /{id}/menu",
        "/users/alice@example.com, /users/{id}",
        "/login/alice:secret, /login/{id}",
        "/x/password=hunter, /x/{id}",
        "/reset/abcdefghijklmnopqrst, /reset/{id}",
        "/reset/abcdefghijklmnopqrs, /reset/abcdefghijklmnopqrs",
        "/reset/k3jabcdefghijklmnopqr, /reset/{id}",
        "/a;jsessionid=77AB/b;x=1, /a/b",
        "/a?password=x, /a",
        "/a#top, /a",
        "*, *",
        "/../../etc, /../../etc",
    })
    void identifiersBecomePlaces(String path, String route) {
        assertThat(RouteTemplate.of(path)).isEqualTo(route);
    }

    @Test
    void hostilePathsStayShort() {
        assertThat(RouteTemplate.of("/a/b/c/d/e/f/g/h/i/j/k")).isEqualTo("/a/b/c/d/e/f/g/h/*");
        assertThat(RouteTemplate.of("/" + "x".repeat(100_000))).isEqualTo("/{id}");
        assertThat(RouteTemplate.of(("/" + "y".repeat(40)).repeat(1000)).length())
                .isLessThanOrEqualTo(RouteTemplate.MAX_LENGTH);
        assertThat(RouteTemplate.of("/\u0000\n\ud800")).isEqualTo("/{id}");
        assertThat(RouteTemplate.of(null)).isEqualTo("/");
    }
}
