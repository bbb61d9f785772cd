package dev.pitot.agent.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;
import static org.assertj.core.data.Percentage.withPercentage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** What a recording of {@link LoopTarget} says of one iteration, and what must hold on any machine that has a PMU. */
final class LoopFigures {
    private final List<RecordedEvent> events;

    private LoopFigures(List<RecordedEvent> events) {
        this.events = events;
    }

    static LoopFigures of(Path recording) throws IOException {
        return new LoopFigures(RecordingFile.readAllEvents(recording).stream()
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .toList());
    }

    List<RecordedEvent> of(String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(type))
                .toList();
    }

    /** The last that the agent said of a part of itself. */
    RecordedEvent status(String part) {
        List<RecordedEvent> said = of("pitot.AgentStatus").stream()
                .filter(event -> event.getString("part").equals(part))
                .toList();
        return said.get(said.size() - 1);
    }

    List<RecordedEvent> requests(String route) {
        return of("pitot.HttpRequest").stream()
                .filter(event -> event.getString("route").equals(route))
                .toList();
    }

    /**
     * A figure of one iteration in requests. The least of several requests is taken, as anything above it is somebody else's: an
     * interrupt, a signal of JFR's sampler.
     */
    double ofRequests(ToDoubleFunction<RecordedEvent> figure) {
        return (least("/large", figure) - least("/small", figure)) / (LoopTarget.LARGE - LoopTarget.SMALL);
    }

    private double least(String route, ToDoubleFunction<RecordedEvent> figure) {
        return requests(route).stream().mapToDouble(figure).min().orElseThrow();
    }

    /** The same in the samples of the process, less what the process does in an idle second. */
    double ofProcess(ToDoubleFunction<RecordedEvent> figure) {
        return ofSamples(of("pitot.ProcessCounters"), figure);
    }

    /** The same of the application's threads alone. */
    double ofApplication(ToDoubleFunction<RecordedEvent> figure) {
        return ofSamples(
                of("pitot.ThreadKindCounters").stream()
                        .filter(sample -> sample.getString("kind").equals("application"))
                        .toList(),
                figure);
    }

    /** The same of all CPUs of the machine, on which nothing else runs. */
    double ofMachine(ToDoubleFunction<RecordedEvent> figure) {
        return ofSamples(
                of("pitot.HostCounters").stream()
                        .filter(sample -> sample.getString("cpu").equals("all"))
                        .toList(),
                figure);
    }

    private double ofSamples(List<RecordedEvent> all, ToDoubleFunction<RecordedEvent> figure) {
        RecordedEvent work = of("pitot.test.Work").get(0);
        double[] samples = all.stream()
                .filter(sample -> !sample.getStartTime()
                                .minus(sample.getDuration("interval"))
                                .isBefore(work.getStartTime())
                        && sample.getStartTime().isBefore(work.getEndTime()))
                .mapToDouble(figure)
                .toArray();
        assertThat(samples).as("seconds while the program was at work").hasSizeGreaterThanOrEqualTo(3);
        double idle = DoubleStream.of(samples).min().orElseThrow();
        return (DoubleStream.of(samples).sum() - samples.length * idle) / work.getLong("iterations");
    }

    /** What requests that only compute account for of all that the process counted meanwhile; 1 is all of it. */
    double shareOfBusyRequests(ToDoubleFunction<RecordedEvent> ofRequest, ToDoubleFunction<RecordedEvent> ofProcess) {
        RecordedEvent busy = of("pitot.test.Busy").get(0);
        assertThat(requests("/busy")).hasSize(busy.getInt("requests"));
        double process = of("pitot.ProcessCounters").stream()
                .filter(sample -> !sample.getStartTime()
                                .minus(sample.getDuration("interval"))
                                .isBefore(busy.getStartTime())
                        && sample.getStartTime().isBefore(busy.getEndTime()))
                .mapToDouble(ofProcess)
                .sum();
        return requests("/busy").stream().mapToDouble(ofRequest).sum() / process;
    }

    double total(String type, ToDoubleFunction<RecordedEvent> figure) {
        return of(type).stream().mapToDouble(figure).sum();
    }

    static ToDoubleFunction<RecordedEvent> field(String name) {
        return event -> event.getDouble(name);
    }

    /**
     * That an iteration costs the same in requests and in the process, and that in user space, where no interrupt is counted, this
     * is a whole number of instructions.
     *
     * @param source what the counters of requests and of the process must say they are
     * @param percent how far the process may be from the requests: it is read once a second, with all else that it does
     */
    void agree(String source, double percent) {
        assertThat(of("pitot.HttpRequest")).isNotEmpty().allSatisfy(request -> assertThat(
                        request.getString("counterSource"))
                .isEqualTo(source));
        assertThat(of("pitot.ProcessCounters")).isNotEmpty().allSatisfy(sample -> assertThat(
                        sample.getString("hardwareSource"))
                .isEqualTo(source));
        double instructions = ofRequests(field("instructions"));
        assertThat(instructions).as("instructions of an iteration").isGreaterThan(4);
        if (source.equals("perf, user only")) {
            assertThat(instructions).isCloseTo(Math.rint(instructions), offset(0.02));
        }
        assertThat(ofApplication(field("instructions"))).isCloseTo(instructions, withPercentage(percent / 2));
        assertThat(ofProcess(field("instructions"))).isCloseTo(instructions, withPercentage(percent));
        theKindsAreTheProcess();
    }

    /** In each second: the events of the kinds follow that of the process. */
    private void theKindsAreTheProcess() {
        double process = Double.NaN;
        double kinds = Double.NaN;
        for (RecordedEvent event : events) {
            String type = event.getEventType().getName();
            if (type.equals("pitot.ProcessCounters")) {
                process = event.getDouble("instructions");
                kinds = 0;
            } else if (type.equals("pitot.ThreadKindCounters")) {
                kinds += event.getDouble("instructions");
                if (event.getString("kind").equals("agent")) {
                    assertThat(kinds).as("instructions of all kinds").isCloseTo(process, offset(1.0));
                }
            }
        }
        assertThat(kinds).as("kinds were seen").isPositive();
    }
}
