package dev.pitot.agent.status;

import dev.pitot.events.AgentStatus;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is on, what is off and why, part by part. Any thread may set a part; a change becomes a {@code pitot.AgentStatus} event
 * at once when the recording runs, and the sampler thread repeats all of them once a minute.
 */
public final class StatusBoard {
    /** State of one part. {@code reason} and {@code remedy} are empty when there is nothing to say. */
    public record Entry(String state, String reason, String remedy) {
        public static final Entry ON = new Entry("on", "", "");

        /** As {@code equals}, whose first call in a JVM costs a record 20 ms, and that on the application's main thread. */
        boolean isSameAs(@Nullable Entry other) {
            return other != null
                    && state.equals(other.state)
                    && reason.equals(other.reason)
                    && remedy.equals(other.remedy);
        }

        public static Entry partial(String reason, String remedy) {
            return new Entry("partial", reason, remedy);
        }

        public static Entry off(String reason, String remedy) {
            return new Entry("off", reason, remedy);
        }
    }

    private final Map<String, Entry> parts = new LinkedHashMap<>();
    private boolean recording;

    /** Sets the state of a part; does nothing when it is already so. */
    public synchronized void set(String part, Entry entry) {
        if (!entry.isSameAs(parts.put(part, entry)) && recording) {
            emit(part, entry);
        }
    }

    /** The recording has started: from now on every change is an event. Emits the present state of all parts. */
    public synchronized void recordingStarted() {
        recording = true;
        emitAll();
    }

    /** Repeats all parts; called once a minute by the sampler thread. */
    public synchronized void emitAll() {
        if (recording) {
            parts.forEach(StatusBoard::emit);
        }
    }

    private static void emit(String part, Entry entry) {
        AgentStatus event = new AgentStatus();
        if (event.isEnabled()) {
            event.part = part;
            event.state = entry.state();
            event.reason = entry.reason();
            event.remedy = entry.remedy();
            event.commit();
        }
    }
}
