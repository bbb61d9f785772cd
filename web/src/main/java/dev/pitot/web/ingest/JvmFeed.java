package dev.pitot.web.ingest;

import dev.pitot.web.live.Feed;
import dev.pitot.web.live.JvmInfo;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What the live side is told of one JVM, one call at a time. Any thread. */
final class JvmFeed {
    private static final DateTimeFormatter TIME_OF_DAY =
            DateTimeFormatter.ofPattern("HH:mm:ss").withZone(ZoneOffset.UTC);

    private final UUID jvm;
    private final Parsing stage;
    /** One call of the feed at a time. */
    private final Object feedLock = new Object();

    private volatile boolean greeted;

    JvmFeed(UUID jvm, Parsing stage) {
        this.jvm = jvm;
        this.stage = stage;
    }

    void hello(JvmInfo info) {
        tell(live -> live.hello(info));
        greeted = true;
    }

    /** Makes the JVM known to the feed, when only the database knows it. */
    void greet() throws SQLException {
        if (!greeted) {
            Optional<JvmInfo> info = stage.info(jvm);
            if (info.isPresent()) {
                hello(info.get());
                List<Long> gaps = stage.watermarks.gaps(jvm);
                gaps(gaps);
            }
        }
    }

    void heard(long nowMillis, boolean last) {
        tell(live -> live.heard(jvm, nowMillis, last));
    }

    void gaps(List<Long> chunkStarts) {
        tell(live -> live.gap(jvm, sentence(chunkStarts)));
    }

    private static @Nullable String sentence(List<Long> chunkStarts) {
        if (chunkStarts.isEmpty()) {
            return null;
        }
        String from = TIME_OF_DAY.format(Instant.ofEpochSecond(0, chunkStarts.get(0)));
        return chunkStarts.size() == 1
                ? "The recording has a gap: of the chunk that began at " + from
                        + " UTC, bytes were lost before they could be sent."
                : "The recording has gaps: of " + chunkStarts.size() + " chunks, the first begun at " + from
                        + " UTC, bytes were lost before they could be sent.";
    }

    void tell(Consumer<Feed> call) {
        synchronized (feedLock) {
            call.accept(stage.feed);
        }
    }
}
