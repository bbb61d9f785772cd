package dev.pitot.agent.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The agent knows exactly the keys that docs/spec/configuration.md lists. */
class ConfigurationSpecTest {
    @Test
    void theKeysAreThoseOfTheSpecification() throws Exception {
        String page = Files.readString(Path.of("../docs/spec/configuration.md"));
        String agent = page.substring(page.indexOf("## Agent"), page.indexOf("## Collector"));
        // A row may be of several keys.
        List<String> specified = Pattern.compile("(?m)^\\| (`[a-z.-]+`(?:, `[a-z.-]+`)*) \\|")
                .matcher(agent)
                .results()
                .flatMap((MatchResult row) ->
                        Stream.of(row.group(1).replace("`", "").split(", ")))
                .toList();
        for (String value : List.of("default", "none", "perf")) {
            assertThat(agent).containsPattern("\\| `counters` \\|[^|]+\\|.*`" + value + "`");
        }
        Field keys = ConfigSources.class.getDeclaredField("KEYS");
        keys.setAccessible(true);
        assertThat((String[]) keys.get(null)).containsExactlyInAnyOrderElementsOf(specified);
    }
}
