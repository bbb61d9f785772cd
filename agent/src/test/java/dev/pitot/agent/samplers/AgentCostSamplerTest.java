package dev.pitot.agent.samplers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.recording.Backlog;
import dev.pitot.agent.recording.FlightRecording;
import dev.pitot.agent.recording.JvmIdentity;
import dev.pitot.agent.spans.SpanRecorder;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.events.Spans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The budget at work on a real recorder and a real recording, in seconds that are as long as the test says. */
class AgentCostSamplerTest {
    /** One nanosecond, of which any span is more than all. */
    private static final long DEAR = 1;
    /** Of which no span is anything. */
    private static final long CHEAP = Long.MAX_VALUE;

    /** More than it takes to give all up, or to get all back. */
    private static final int SECONDS = 1500;

    @TempDir
    Path folder;

    private final StatusBoard status = new StatusBoard();

    @Test
    void whatCostsTooMuchIsGivenUpInTheStatedOrderAndComesBackTheSameWay() throws Exception {
        AgentConfig config =
                ConfigSources.read("service=test,budget=0.1%,http.events=100000", new Properties(), Map.of());
        Counters counters = Counters.open(config.counters(), status);
        EventTypes.registerAll(config);
        SpanRecorder recorder = SpanRecorder.open(config, counters, null);
        FlightRecording recording =
                FlightRecording.start(config, JvmIdentity.read(config, "test"), new Backlog(), status, () -> {});
        Path file = folder.resolve("test.jfr");
        boolean counted = counters.threads() != null;
        try {
            status.recordingStarted();
            recorder.prepare();
            AgentCostSampler sampler = new AgentCostSampler(null, recorder, config.budget(), status, wanted -> {
                recording.wantStackTraces(wanted);
                recording.takeStackTraces();
                assertThat(takesStackTraces()).isEqualTo(wanted);
            });
            Spans.install(recorder);
            pass(recorder, sampler, DEAR);
            pass(recorder, sampler, CHEAP);
            ours().dump(file);
        } finally {
            Spans.install(null);
            recording.stop();
            counters.close();
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file).stream()
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .toList();
        assertThat(events.stream()
                        .filter(event -> event.getEventType().getName().equals("pitot.AgentCost")))
                .isNotEmpty()
                .allSatisfy(event -> assertThat(event.getDouble("share"))
                        .as("without that of the threads")
                        .isNaN());
        assertThat(events.stream()
                        .filter(event -> event.getEventType().getName().equals("pitot.AgentStatus")
                                && event.getString("part").equals("budget"))
                        .map(event -> event.getString("state") + " "
                                + event.getString("reason")
                                        .replaceFirst(".*of the CPU time: (.*) are given up.*", "$1"))
                        .toList())
                .containsExactly(
                        "on ",
                        "partial stack traces",
                        "partial stack traces and single events",
                        "partial stack traces, single events and the counters of SQL statements",
                        "partial stack traces, single events and all counters of requests, calls and statements",
                        "partial stack traces, single events, all counters of requests, calls and statements and what requests leave to other threads",
                        "partial stack traces, single events, all counters of requests, calls and statements, what requests leave to other threads and how long they wait for a CPU, monitors and notifications",
                        "partial stack traces, single events, all counters of requests, calls and statements and what requests leave to other threads",
                        "partial stack traces, single events and all counters of requests, calls and statements",
                        "partial stack traces, single events and the counters of SQL statements",
                        "partial stack traces and single events",
                        "partial stack traces",
                        "on ");
        assertThat(eachLevel(events))
                .containsExactlyElementsOf(Stream.of(
                                "0 event, request counted, statement counted",
                                "1 event, request counted, statement counted",
                                "2 request counted, statement counted",
                                "3 request counted",
                                "4",
                                "5",
                                "6",
                                "5",
                                "4",
                                "3 request counted",
                                "2 request counted, statement counted",
                                "1 event, request counted, statement counted",
                                "0 event, request counted, statement counted")
                        .map(there -> counted ? there : there.replaceAll(",? \\w+ counted", ""))
                        .toList());
    }

    /** Lets so many seconds pass, each with one request and its statement. */
    private static void pass(SpanRecorder recorder, AgentCostSampler sampler, long second) {
        for (int i = 0; i < SECONDS; i++) {
            Object request = Spans.beginRequest();
            Spans.endStatement(Spans.beginStatement(null, "select 1"), 0, null);
            Spans.endRequest(request, "GET", null, "/x", 200, false, null);
            recorder.emitSummaries();
            sampler.sample(second);
        }
    }

    /** The levels in their order, and what there was of each request while they lasted. */
    private static List<String> eachLevel(List<RecordedEvent> events) {
        List<String> levels = new ArrayList<>();
        List<String> there = new ArrayList<>();
        long level = 0;
        for (RecordedEvent event : events) {
            switch (event.getEventType().getName()) {
                case "pitot.HttpRequest" -> there.add("event");
                case "pitot.EndpointSummary" -> {
                    if (event.getLong("counted") > 0) {
                        there.add("request counted");
                    }
                }
                case "pitot.StatementSummary" -> {
                    if (event.getLong("counted") > 0) {
                        there.add("statement counted");
                    }
                }
                case "pitot.AgentCost" -> {
                    String found = (level + " " + String.join(", ", there)).strip();
                    if (levels.isEmpty() || !levels.get(levels.size() - 1).equals(found)) {
                        levels.add(found);
                    }
                    there.clear();
                    level = event.getLong("shed");
                }
                default -> {
                    // Of the JVM.
                }
            }
        }
        return levels;
    }

    private static Recording ours() {
        return FlightRecorder.getFlightRecorder().getRecordings().stream()
                .filter(recording -> recording.getName().equals("pitot"))
                .findFirst()
                .orElseThrow();
    }

    private static boolean takesStackTraces() {
        return ours().getSettings().get("jdk.ExecutionSample#enabled").equals("true");
    }
}
