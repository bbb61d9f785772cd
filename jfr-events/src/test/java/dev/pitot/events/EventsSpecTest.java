package dev.pitot.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Frequency;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import jdk.jfr.Timestamp;
import org.junit.jupiter.api.Test;

/** The event classes and docs/spec/events.md say the same. */
class EventsSpecTest {
    private static final Path SPEC = Path.of("../docs/spec/events.md");
    private static final Path CLASSES = Path.of("target/classes/dev/pitot/events");

    @Test
    void everyEventClassIsSpecifiedWithItsFieldsAndUnitsAndNothingElseIs() throws Exception {
        assertThat(declared()).isNotEmpty().isEqualTo(specified());
    }

    @Test
    void everyEventAndFieldIsLabelledForJmcAndTakesNoStackTrace() throws Exception {
        for (Class<?> event : eventClasses()) {
            assertThat(event.getAnnotation(Label.class)).as(event + " @Label").isNotNull();
            assertThat(event.getAnnotation(Description.class))
                    .as(event + " @Description")
                    .isNotNull();
            assertThat(event.getAnnotation(Category.class).value()[0])
                    .as(event + " category")
                    .isEqualTo("Pitot");
            assertThat(event.getAnnotation(StackTrace.class).value())
                    .as(event + " @StackTrace")
                    .isFalse();
            for (Field field : fields(event)) {
                assertThat(field.getAnnotation(Label.class))
                        .as(field + " @Label")
                        .isNotNull();
                assertThat(field.getAnnotation(Description.class))
                        .as(field + " @Description")
                        .isNotNull();
            }
        }
    }

    @Test
    void thePartsOfTheAgentAreTheSameHereAndThere() throws Exception {
        String described = AgentStatus.class
                .getDeclaredField("part")
                .getAnnotation(Description.class)
                .value();
        String page = Files.readString(SPEC);
        String parts = page.substring(page.indexOf("`part` is "), page.indexOf("Several reasons"));
        assertThat(Pattern.compile("`([a-zA-Z ]+)`")
                        .matcher(parts.substring("`part`".length()))
                        .results()
                        .map(part -> part.group(1)))
                .hasSizeGreaterThan(8)
                .allSatisfy(part -> assertThat(described).contains(part));
    }

    /** Event name to field name to unit, from the classes. */
    private static Map<String, Map<String, String>> declared() throws Exception {
        Map<String, Map<String, String>> events = new TreeMap<>();
        for (Class<?> event : eventClasses()) {
            Map<String, String> units = new LinkedHashMap<>();
            for (Field field : fields(event)) {
                units.put(field.getName(), unit(field));
            }
            events.put(event.getAnnotation(Name.class).value(), units);
        }
        return events;
    }

    private static List<Class<?>> eventClasses() throws Exception {
        try (var files = Files.list(CLASSES)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".class") && !name.startsWith("package-info"))
                    .map(name -> name.substring(0, name.length() - ".class".length()))
                    .<Class<?>>map(name -> {
                        try {
                            return Class.forName("dev.pitot.events." + name);
                        } catch (ClassNotFoundException e) {
                            throw new AssertionError(e);
                        }
                    })
                    .filter(type -> Event.class.isAssignableFrom(type) && !Modifier.isAbstract(type.getModifiers()))
                    .toList();
        }
    }

    private static List<Field> fields(Class<?> event) {
        // What a group of events has in common is declared in their superclass.
        return Stream.<Class<?>>iterate(event, type -> type != Event.class, Class::getSuperclass)
                .flatMap(type -> Arrays.stream(type.getDeclaredFields()))
                .filter(field -> !Modifier.isStatic(field.getModifiers()) && !field.isSynthetic())
                .toList();
    }

    private static String unit(Field field) {
        Timespan timespan = field.getAnnotation(Timespan.class);
        if (timespan != null) {
            return timespan.value().equals(Timespan.NANOSECONDS) ? "ns" : timespan.value();
        }
        Timestamp timestamp = field.getAnnotation(Timestamp.class);
        if (timestamp != null) {
            return timestamp.value().equals(Timestamp.MILLISECONDS_SINCE_EPOCH)
                    ? "ms since the epoch"
                    : timestamp.value();
        }
        if (field.getAnnotation(DataAmount.class) != null) {
            return "B";
        }
        if (field.getAnnotation(Percentage.class) != null) {
            return "share";
        }
        if (field.getAnnotation(Frequency.class) != null) {
            return "Hz";
        }
        if (field.getType() == String.class) {
            return "text";
        }
        return field.getType() == boolean.class ? "boolean" : "n";
    }

    /** The same from the page: under each heading the first line with fields, {@code `a`, `b` unit · `c` unit}. */
    private static Map<String, Map<String, String>> specified() throws IOException {
        Pattern heading = Pattern.compile("### `(pitot\\.\\w+)`.*");
        Pattern name = Pattern.compile("`(\\w+)`");
        Map<String, Map<String, String>> events = new TreeMap<>();
        Map<String, String> units = null;
        for (String line : Files.readAllLines(SPEC)) {
            Matcher head = heading.matcher(line);
            if (head.matches()) {
                units = new LinkedHashMap<>();
                events.put(head.group(1), units);
                continue;
            }
            if (units == null || !units.isEmpty() || line.isBlank()) {
                continue;
            }
            for (String part : line.split(" · ")) {
                Matcher field = name.matcher(part);
                String unit =
                        part.replaceAll("\\([^)]*\\)", "").replaceAll(".*`", "").strip();
                while (field.find() && !part.startsWith("start and duration")) {
                    units.put(field.group(1), unit);
                }
            }
        }
        return events;
    }
}
