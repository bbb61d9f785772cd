package dev.pitot.agent.spans;

import dev.pitot.events.LoggedErrors;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Log events at level ERROR by their loggers. Any thread may {@link #add}; the sampler emits. Bounded. */
final class LoggedErrorCounts {
    private static final int MOST = 200;
    private static final int LONGEST = 200;

    private static final class Count {
        final AtomicLong since = new AtomicLong();
        volatile @Nullable String error;
    }

    private final ConcurrentHashMap<String, Count> byLogger = new ConcurrentHashMap<>();

    void add(@Nullable String logger, @Nullable Throwable thrown) {
        String name = logger == null ? "" : logger.length() > LONGEST ? logger.substring(0, LONGEST) : logger;
        Count count = byLogger.get(name);
        if (count == null) {
            // No lambda: the first one in a JVM costs tens of milliseconds, and this is the application's thread.
            Count fresh = new Count();
            Count raced = byLogger.putIfAbsent(byLogger.size() < MOST ? name : "other", fresh);
            count = raced == null ? fresh : raced;
        }
        if (thrown != null) {
            count.error = thrown.getClass().getName();
        }
        count.since.incrementAndGet();
    }

    void emit() {
        for (Map.Entry<String, Count> each : byLogger.entrySet()) {
            long n = each.getValue().since.getAndSet(0);
            if (n > 0) {
                LoggedErrors event = new LoggedErrors();
                event.logger = each.getKey();
                event.error = each.getValue().error;
                event.count = n;
                each.getValue().error = null;
                event.commit();
            }
        }
    }
}
