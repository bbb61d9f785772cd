package dev.pitot.web.live;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What ingest tells the live side about each JVM, in the order it was parsed. Calls for one JVM come from one thread at a time;
 * implementations return at once (they never wait for a viewer or for the database).
 */
public interface Feed {
    /** A JVM is known, newly or again. */
    void hello(JvmInfo info);

    /** A request of this JVM arrived; {@code ended} when it said that it is its last. */
    void heard(UUID jvm, long nowMillis, boolean ended);

    /**
     * One sample of a metric type.
     *
     * @param key which of those that the type measures; null when the type has no keys
     * @param timeMillis milliseconds since the epoch, the chunk's clock
     * @param fields names, the same array instance for all samples of one type and chunk
     * @param numbers values, {@code NaN} where unknown or where the field is text
     * @param texts the texts of text fields, null elsewhere
     */
    void metric(
            UUID jvm,
            String type,
            @Nullable String key,
            long timeMillis,
            String[] fields,
            double[] numbers,
            String[] texts);

    /** What one endpoint, statement, server or pool did in about a second. */
    void span(UUID jvm, SpanSecond second);

    /**
     * What one logger wrote at level ERROR in about a second.
     *
     * @param error class of the latest exception, empty when there was none
     */
    void logged(UUID jvm, long timeMillis, String logger, String error, long count);

    /** A garbage collection of {@code pauseMillis} in all. */
    void collection(UUID jvm, long timeMillis, String name, double pauseMillis);

    /** State of one part of the agent. */
    void status(UUID jvm, long timeMillis, String part, String state, String reason, String remedy);

    /** What the agent found about one subject. */
    void diagnosis(UUID jvm, Diagnosis line);

    /** Bytes that will never come, as a sentence for people; null when the gap is closed or there is none. */
    void gap(UUID jvm, @Nullable String sentence);

    /** A parsed part has been handed over completely: viewers may be told. */
    void flushed(UUID jvm);

    /** Whether somebody watches this JVM now; decides the cadence in the reply. */
    boolean watched(UUID jvm);
}
