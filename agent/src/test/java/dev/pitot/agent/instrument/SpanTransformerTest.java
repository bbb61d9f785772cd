package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.Filter;
import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.status.StatusBoard;
import java.lang.instrument.Instrumentation;
import java.lang.reflect.Proxy;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ThreadPoolExecutor;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpanTransformerTest {
    private static final String NAME = "com/sun/net/httpserver/Filter$Chain";

    @TempDir
    Path folder;

    private final List<Class<?>> loaded = new ArrayList<>();
    private final List<Class<?>> retransformed = new ArrayList<>();
    private final Instrumentation instrumentation = (Instrumentation) Proxy.newProxyInstance(
            getClass().getClassLoader(), new Class<?>[] {Instrumentation.class}, (proxy, method, arguments) -> {
                if (method.getName().equals("retransformClasses")) {
                    retransformed.addAll(List.of((Class<?>[]) arguments[0]));
                    return null;
                }
                return method.getName().equals("getAllLoadedClasses") ? loaded.toArray(new Class<?>[0]) : null;
            });
    private final StatusBoard status = new StatusBoard();

    private SpanTransformer transformer(String arguments) throws Exception {
        AgentConfig config = ConfigSources.read("service=test" + arguments, new Properties(), Map.of());
        return new SpanTransformer(config, instrumentation, status);
    }

    @Test
    void whatWasLoadedBeforeIsFoundHoweverManyHaveComeSince() throws Exception {
        SpanTransformer transformer = transformer("");
        Class<?> early = Filter.Chain.class;
        loaded.addAll(List.of(String.class, early, ThreadPoolExecutor.class));
        // The same name in other loaders, of classes that were never finished or were unloaded again.
        transformer.transform(getClass().getClassLoader(), NAME, null, null, new byte[0]);
        transformer.transform(new ClassLoader() {}, NAME, null, null, new byte[0]);
        transformer.catchUp();
        assertThat(retransformed).containsExactly(early);
    }

    @Test
    void whatHasComeByIsNotTransformedAgain() throws Exception {
        SpanTransformer transformer = transformer("");
        loaded.addAll(List.of(Filter.Chain.class, HttpClient.class));
        transformer.transform(Filter.Chain.class.getClassLoader(), NAME, null, null, new byte[0]);
        transformer.catchUp();
        assertThat(retransformed).isEmpty();
    }

    @Test
    void aPartIsOffUntilSomethingIsThereToMeasure() throws Exception {
        SpanTransformer transformer = transformer(",sql=false");
        Path file = folder.resolve("test.jfr");
        try (Recording recording = new Recording()) {
            recording.setDestination(file);
            recording.start();
            status.recordingStarted();
            byte[] bytes;
            try (var in = Object.class.getResourceAsStream("/" + NAME + ".class")) {
                bytes = in == null
                        ? Filter.class
                                .getModule()
                                .getResourceAsStream(NAME + ".class")
                                .readAllBytes()
                        : in.readAllBytes();
            }
            assertThat(transformer.transform(getClass().getClassLoader(), NAME, null, null, bytes))
                    .isNotNull();
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertThat(texts(events, "http")).containsExactly("off No supported server has been loaded yet", "on ");
        assertThat(texts(events, "sql")).containsExactly("off Switched off by sql=false");
        assertThat(texts(events, "calls")).containsExactly("off No supported HTTP client has been loaded yet");
        assertThat(texts(events, "follow")).containsExactly("on ");
    }

    private static List<String> texts(List<RecordedEvent> events, String part) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals("pitot.AgentStatus"))
                .filter(event -> part.equals(event.getString("part")))
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .map(event -> event.getString("state") + " " + event.getString("reason"))
                .toList();
    }
}
