package dev.pitot.examples.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlightTest {
    @TempDir
    Path folder;

    @Test
    void isReadAsItWasWritten() throws IOException {
        Flight flight = Captured.flight(5);
        Path file = folder.resolve("a.flight");
        flight.write(file);

        Flight read = Flight.read(file);

        assertThat(read.bytes()).isEqualTo(flight.bytes());
        assertThat(read.hello()).isEqualTo(flight.hello());
        assertThat(read.millis()).isEqualTo(5000);
        assertThat(read.deflatedBytes()).isEqualTo(flight.deflatedBytes());
    }

    @Test
    void saysWhichFileIsNone() throws IOException {
        Path file = Files.writeString(folder.resolve("b.flight"), "something else");

        assertThatThrownBy(() -> Flight.read(file))
                .hasMessageContaining("b.flight")
                .hasMessageContaining("Capture");
    }

    @Test
    void needsEverySegment() throws IOException {
        List<Flight.Segment> segments = Captured.flight(4).segments();

        assertThatThrownBy(
                        () -> Flight.of(java.util.Map.of(), List.of(segments.get(0), segments.get(2), segments.get(3))))
                .isInstanceOf(IOException.class);
        assertThatThrownBy(() -> Flight.of(java.util.Map.of(), segments.subList(0, 3)))
                .isInstanceOf(IOException.class);
    }

    @Test
    void aMovedHeaderTicksAsManyTimesAsFast() throws IOException {
        byte[] header = Captured.flight(2).segments().get(0).header();

        ByteBuffer moved = ByteBuffer.wrap(Flight.moved(header, 42, 4, true));

        assertThat(moved.getLong(8)).isEqualTo(Captured.LENGTH);
        assertThat(moved.getLong(32)).isEqualTo(42);
        assertThat(moved.getLong(48)).isEqualTo(4711);
        assertThat(moved.getLong(56)).isEqualTo(4_000_000_000L);
        assertThat(moved.get(64)).isZero();
    }

    @Test
    void theMetricsAreThoseOfTheSpecification() throws IOException {
        TreeSet<String> specified = new TreeSet<>();
        for (String line : Files.readAllLines(Path.of("../docs/spec/events.md"))) {
            String[] cells = line.split("\\|");
            if (cells.length > 2 && cells[2].contains("metric")) {
                Matcher name = Pattern.compile("`((?:pitot|jdk)\\.\\w+)`").matcher(cells[1]);
                while (name.find()) {
                    specified.add(name.group(1));
                }
            }
        }

        assertThat(Capture.METRICS).containsExactlyInAnyOrderElementsOf(specified);
    }
}
