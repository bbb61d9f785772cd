package dev.pitot.web.ingest;

import dev.pitot.web.jfr.Event;
import dev.pitot.web.jfr.EventType;
import dev.pitot.web.live.Diagnosis;
import dev.pitot.web.live.SpanKind;
import dev.pitot.web.live.SpanSecond;
import dev.pitot.web.store.Json;
import dev.pitot.web.store.StoredTypes;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;

/**
 * Where the events of a part go: rows, minutes, the live side; each only if they have not been there yet, by the watermarks of
 * their chunk. One thread at a time.
 */
final class Router {
    /** An agent keeps 500 statements apart unless told otherwise. */
    private static final int MOST_TEXTS = 10_000;

    private final UUID jvm;
    private final Parsing stage;
    private final JvmFeed feed;
    private final Minutes minutes;

    /** By chunk: parts up to here were handed to the feed; outlives {@link #forgetTexts}. */
    private final Map<Long, Long> handedOn = new HashMap<>();

    /** Statements whose text was stored on {@link #textsDay}. */
    private final Set<String> texts = new HashSet<>();

    private LocalDate textsDay = LocalDate.EPOCH;

    Router(UUID jvm, Parsing stage, JvmFeed feed, Minutes minutes) {
        this.jvm = jvm;
        this.stage = stage;
        this.feed = feed;
        this.minutes = minutes;
    }

    /** Parts are to be read into a batch. */
    void begin(Batch batch) {
        if (!batch.rows.today().equals(textsDay) || texts.size() > MOST_TEXTS) {
            // Said once a day that they are still in use.
            texts.clear();
            textsDay = batch.rows.today();
        }
    }

    /** The rows of a batch are stored. */
    void stored(Batch batch) {
        texts.addAll(batch.rows.statements());
    }

    /** What a batch had for minutes and the live side is with them. */
    void handedOn(TrackedChunk chunk, long parsed) {
        handedOn.merge(chunk.start, parsed, Math::max);
        feed.tell(live -> live.flushed(jvm));
    }

    /** A chunk is done. */
    void done(TrackedChunk chunk) {
        handedOn.remove(chunk.start);
    }

    /** Which texts are stored is to be found out anew. */
    void forgetTexts() {
        texts.clear();
    }

    /**
     * Takes one event.
     *
     * @param offset where it begins, bytes from the chunk's start
     * @param start where the part that hands it on begins
     * @param end where that part ends: what the watermarks compare with
     */
    void route(TrackedChunk chunk, EventType type, long offset, Event event, long start, long end, Batch batch) {
        batch.check();
        EventFields fields = chunk.fields.get(type);
        if (fields == null) {
            fields = new EventFields(type, Objects.requireNonNull(chunk.clock));
            chunk.fields.put(type, fields);
        }
        boolean toLive = end > handedOn.getOrDefault(chunk.start, chunk.block);
        if (StoredTypes.isMetric(type.name())) {
            boolean toMinutes = end > chunk.summed;
            if (toMinutes || toLive) {
                EventFields.Sample sample = fields.sample(event);
                batch.after.add(() -> sample(sample, chunk.start, start, toMinutes, toLive));
            }
            return;
        }
        if (end > chunk.summed && StoredTypes.COUNTED.containsKey(type.name())) {
            EventFields.Sample counted = fields.sample(event);
            String histogram = fields.text(event, "histogram");
            batch.after.add(() -> count(counted, histogram, chunk.start, start));
        }
        boolean toRows = end > chunk.parsed;
        if (type.name().equals("pitot.Diagnosis")) {
            // Said each minute, and nearly always the same. Asked of lines that are stored already too, for those after
            // them.
            toRows &= chunk.isNews(fields.text(event, "subject"), fields.said(event));
        }
        if (toRows) {
            String json = fields.json(event);
            batch.rows.add(jvm, type.name(), event.startNanos(), chunk.start, offset, json);
            if (type.name().equals("pitot.JvmInformation")) {
                batch.rows.information(json);
            } else if (StoredTypes.WITH_SQL.contains(type.name())) {
                String statement = fields.text(event, "statement");
                if (!texts.contains(statement)) {
                    batch.rows.sql(statement, fields.text(event, "sql", Json.LONGEST_TEXT));
                }
            }
        }
        if (toLive) {
            tellLive(fields, event, batch);
        }
    }

    private void sample(EventFields.Sample sample, long chunk, long part, boolean toMinutes, boolean toLive) {
        if (toMinutes) {
            LeftOut why = stage.blocks.takes(sample.timeMillis()) ? minutes.add(sample, chunk, part) : LeftOut.CLOCK;
            if (why == null) {
                stage.samples.increment();
                stage.clamped.add(LeftOut.INFINITE, sample.infinite());
                stage.clamped.add(LeftOut.CUT, sample.cut());
            } else {
                stage.clamped.add(why, 1);
            }
        }
        if (toLive) {
            feed.tell(live -> live.metric(
                    jvm,
                    sample.type(),
                    sample.key(),
                    sample.timeMillis(),
                    sample.fields(),
                    sample.numbers(),
                    sample.texts()));
        }
    }

    private void count(EventFields.Sample event, String histogram, long chunk, long part) {
        LeftOut why =
                stage.blocks.takes(event.timeMillis()) ? minutes.count(event, histogram, chunk, part) : LeftOut.CLOCK;
        if (why != null) {
            stage.clamped.add(why, 1);
        }
    }

    private void tellLive(EventFields fields, Event event, Batch batch) {
        long time = Math.floorDiv(event.startNanos(), 1_000_000L);
        SpanKind kind = SpanKind.of(fields.type().name());
        if (kind != null) {
            SpanSecond second = SpanSecond.of(kind, time, fields.of(event));
            batch.after.add(() -> feed.tell(live -> live.span(jvm, second)));
            return;
        }
        switch (fields.type().name()) {
            case "pitot.LoggedErrors" -> {
                String logger = fields.text(event, "logger");
                String error = fields.text(event, "error");
                long count = fields.whole(event, "count");
                batch.after.add(() -> feed.tell(live -> live.logged(jvm, time, logger, error, count)));
            }
            case "pitot.AgentStatus" -> {
                String part = fields.text(event, "part");
                String state = fields.text(event, "state");
                String reason = fields.text(event, "reason");
                String remedy = fields.text(event, "remedy");
                batch.after.add(() -> feed.tell(live -> live.status(jvm, time, part, state, reason, remedy)));
            }
            case "pitot.Diagnosis" -> {
                Diagnosis line = new Diagnosis(
                        fields.text(event, "subject"),
                        fields.text(event, "category"),
                        fields.text(event, "state"),
                        fields.text(event, "detail"),
                        fields.text(event, "blocker"),
                        fields.text(event, "fixOnHost"),
                        fields.text(event, "fixInDocker"),
                        fields.text(event, "fixInKubernetes"),
                        time);
                batch.after.add(() -> feed.tell(live -> live.diagnosis(jvm, line)));
            }
            case "jdk.GarbageCollection" -> {
                String name = fields.text(event, "name");
                double pause = fields.whole(event, "sumOfPauses") / 1e6;
                batch.after.add(() -> feed.tell(live -> live.collection(jvm, time, name, pause)));
            }
            default -> {
                // Stored only.
            }
        }
    }
}
