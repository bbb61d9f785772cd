package dev.pitot.web.ingest;

import dev.pitot.web.live.Diagnosis;
import dev.pitot.web.live.Feed;
import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.live.SpanKind;
import dev.pitot.web.live.SpanSecond;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Counts what it is told. */
class RecordingFeed implements Feed {
    final AtomicInteger hellos = new AtomicInteger();
    final AtomicInteger metrics = new AtomicInteger();
    final Set<String> keys = ConcurrentHashMap.newKeySet();
    final Map<SpanKind, AtomicInteger> spans = new ConcurrentHashMap<>();
    final AtomicLong logged = new AtomicLong();
    final AtomicInteger collections = new AtomicInteger();
    final AtomicInteger flushes = new AtomicInteger();
    final Map<String, String> status = new ConcurrentHashMap<>();
    final Map<String, Diagnosis> diagnosis = new ConcurrentHashMap<>();
    final Map<UUID, String> gaps = new ConcurrentHashMap<>();
    volatile boolean watched;
    volatile boolean ended;

    @Override
    public void hello(JvmInfo info) {
        hellos.incrementAndGet();
    }

    @Override
    public void heard(UUID jvm, long nowMillis, boolean ended) {
        this.ended = ended;
    }

    @Override
    public void metric(
            UUID jvm,
            String type,
            @Nullable String key,
            long timeMillis,
            String[] fields,
            double[] numbers,
            String[] texts) {
        metrics.incrementAndGet();
        if (key != null) {
            keys.add(type + ' ' + key);
        }
    }

    @Override
    public void span(UUID jvm, SpanSecond second) {
        spans.computeIfAbsent(second.kind(), kind -> new AtomicInteger()).incrementAndGet();
    }

    @Override
    public void logged(UUID jvm, long timeMillis, String logger, String error, long count) {
        logged.addAndGet(count);
    }

    @Override
    public void collection(UUID jvm, long timeMillis, String name, double pauseMillis) {
        collections.incrementAndGet();
    }

    @Override
    public void status(UUID jvm, long timeMillis, String part, String state, String reason, String remedy) {
        status.put(part, state);
    }

    @Override
    public void diagnosis(UUID jvm, Diagnosis line) {
        diagnosis.put(line.subject(), line);
    }

    @Override
    public void gap(UUID jvm, @Nullable String sentence) {
        if (sentence == null) {
            gaps.remove(jvm);
        } else {
            gaps.put(jvm, sentence);
        }
    }

    @Override
    public void flushed(UUID jvm) {
        flushes.incrementAndGet();
    }

    @Override
    public boolean watched(UUID jvm) {
        return watched;
    }
}
