package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.ShownChoice;
import dev.pitot.events.HttpRequest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShownTest {
    private static final ShownChoice ALL =
            new ShownChoice(true, List.of("x-tenant"), ShownChoice.NOTHING.masked(), true);

    @ParameterizedTest
    @CsvSource({
        "page=2&q=shoes, page=2&q=shoes",
        "password=x&page=2, password=***&page=2",
        "a=1&userPassword=x=y&b, a=1&userPassword=***&b",
        "a=1;Api_Key=x;b=2, a=1;Api_Key=***;b=2",
        "pass%77ord=x, pass%77ord=***",
        "pass%2577ord=x, pass%2577ord=***",
        "to=https%3A%2F%2Fx%2F%3Faccess_token%3Dabc&b=2, to=***&b=2",
        "q=what+is+a+token, q=what+is+a+token",
        "a=%zz&token=%, a=%zz&token=***",
        "=&&, =&&",
    })
    void valuesOfSecretsAreMasked(String query, String shown) {
        assertThat(Shown.masked(query, ALL.masked())).isEqualTo(shown);
    }

    @Test
    void headersThatCarrySecretsAreMaskedWhateverIsAskedFor() {
        ShownChoice none = new ShownChoice(false, List.of(), List.of(), false);
        Shown shown = new Shown();
        for (String header : List.of("authorization", "proxy-authorization", "cookie", "x-tenant")) {
            shown.add(none, header, "of mine");
        }
        shown.add(none, null, "q=1");
        HttpRequest event = new HttpRequest();
        shown.write(event, none);
        assertThat(event.headers)
                .isEqualTo("authorization: ***\nproxy-authorization: ***\ncookie: ***\nx-tenant: of mine");
        assertThat(event.query).as("not asked for").isNull();
    }

    @Test
    void whatIsLongIsCut() {
        Shown shown = new Shown();
        shown.add(ALL, null, "q=" + "x".repeat(100_000));
        shown.add(ALL, "x-tenant", "y".repeat(100_000));
        shown.add(ALL, "x-csrf-token", "z");
        HttpRequest event = new HttpRequest();
        shown.write(event, ALL);
        assertThat(event.query).hasSize(2000);
        assertThat(event.headers).hasSizeLessThan(600).endsWith("y\nx-csrf-token: ***");
    }
}
