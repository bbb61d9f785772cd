package dev.pitot.web.store;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The rows that one {@link SegmentCommit} has locked, and what its posts make of them: nothing here asks the database. Of one
 * thread.
 */
final class LockedRows {
    /**
     * A post is held up for so long at most. One that was sent earlier still, before the newest that was heard, says that
     * the clock of the JVM was set back.
     */
    private static final long STALE_NANOS = TimeUnit.MINUTES.toNanos(2);

    record Key(UUID jvm, long chunkStart) {
        static final Comparator<Key> ORDER =
                Comparator.comparing(Key::jvm, LockedRows::compareAsPostgres).thenComparingLong(Key::chunkStart);
    }

    /** A row of {@code chunk} within the transaction. */
    static final class Row {
        final Key key;
        final long ticks;
        LocalDate day;
        long durable;
        long boundary;
        long size;
        String state;
        byte @Nullable [] header;
        boolean changed;
        /** This transaction has made it. */
        boolean created;
        /** It got bytes, so that something is left to parse. */
        boolean grown;
        /** Its earlier bytes were dropped by age. */
        boolean restarted;

        Row(
                Key key,
                long ticks,
                LocalDate day,
                long durable,
                long boundary,
                long size,
                String state,
                byte @Nullable [] header) {
            this.key = key;
            this.ticks = ticks;
            this.day = day;
            this.durable = durable;
            this.boundary = boundary;
            this.size = size;
            this.state = state;
            this.header = header;
        }
    }

    /** A row of {@code jvm} within the transaction. */
    static final class Heard {
        long lastSent;
        long lastSeenMillis;
        long skewNanos;
        /** One of the posts is newer than all before. */
        boolean news;

        @Nullable
        Boolean ended;

        /** Takes note of a post; false when a newer one was heard before, maybe by another collector. */
        boolean isNews(Submission post) {
            long sent = post.sentNanos();
            lastSeenMillis = Math.max(lastSeenMillis, post.receivedMillis());
            if (sent < lastSent && sent > lastSent - STALE_NANOS) {
                return false;
            }
            lastSent = sent;
            news = true;
            skewNanos = post.skewNanos();
            return true;
        }
    }

    final Map<UUID, Heard> jvms = new TreeMap<>(LockedRows::compareAsPostgres);
    final TreeMap<Key, Row> chunks = new TreeMap<>(Key.ORDER);
    /** JVMs of which a chunk has just become truncated or missing. */
    final Set<UUID> newGaps = new TreeSet<>();

    /**
     * Changes the rows as a post says.
     *
     * @param segments gets the row of its segment, if that is taken
     * @param today the partition of a chunk that comes again
     */
    Stored take(Submission post, CopyRows segments, LocalDate today) {
        Heard jvm = jvms.get(post.jvm());
        Map<Chunk, Long> durable = new LinkedHashMap<>();
        List<Long> ended = new ArrayList<>();
        Stored.Outcome outcome = Stored.Outcome.NONE;
        String refusal = null;
        Segment segment = post.segment();
        if (segment != null) {
            Row row = chunks.get(new Key(post.jvm(), segment.chunk().startNanos()));
            refusal = row == null ? null : contradiction(row, segment);
            if (refusal != null) {
                outcome = Stored.Outcome.MALFORMED;
            } else if (row == null || !takes(row, segment, today)) {
                outcome = Stored.Outcome.CONFLICT;
            } else {
                outcome = Stored.Outcome.TAKEN;
                append(row, segment, post.jvm(), segments);
                if (row.state.equals("complete")) {
                    ended.add(row.key.chunkStart());
                }
            }
            durable.put(segment.chunk(), row == null ? 0 : row.durable);
        }
        boolean refused = outcome == Stored.Outcome.MALFORMED || outcome == Stored.Outcome.CONFLICT;
        List<Submission.Held> have = post.have();
        if (have != null) {
            for (Submission.Held held : have) {
                Row row = chunks.get(new Key(post.jvm(), held.chunk().startNanos()));
                durable.putIfAbsent(
                        held.chunk(), row == null || row.ticks != held.chunk().startTicks() ? 0 : row.durable);
            }
        }
        boolean news = (jvm == null || jvm.isNews(post)) && !refused;
        if (news) {
            if (jvm != null) {
                jvm.ended = post.ended();
            }
            for (Submission.Lost lost : post.lost()) {
                Row row = chunks.get(new Key(post.jvm(), lost.chunk().startNanos()));
                if (row != null && row.state.equals("open")) {
                    end(row, ended);
                }
            }
            if (have != null) {
                for (Submission.Held held : have) {
                    Row row = chunks.get(new Key(post.jvm(), held.chunk().startNanos()));
                    if (row != null && row.state.equals("open") && held.last() && row.size != held.size()) {
                        row.size = held.size();
                        row.changed = true;
                    }
                }
            }
            if (have != null || post.ended()) {
                // Of a chunk that is open here and no longer there nothing more can come; nor after the last post.
                chunks
                        .subMap(new Key(post.jvm(), Long.MIN_VALUE), true, new Key(post.jvm(), Long.MAX_VALUE), true)
                        .values()
                        .stream()
                        .filter(row -> row.state.equals("open") && (post.ended() || !isListed(row, post)))
                        .forEach(row -> end(row, ended));
            }
        }
        return new Stored(jvm != null, outcome, refusal, durable, ended, news ? post.ended() : null, null);
    }

    private static boolean isListed(Row row, Submission post) {
        Segment segment = post.segment();
        if (segment != null && segment.chunk().startNanos() == row.key.chunkStart()) {
            return true;
        }
        List<Submission.Held> have = post.have();
        return have != null && have.stream().anyMatch(h -> h.chunk().startNanos() == row.key.chunkStart());
    }

    private void end(Row row, List<Long> ended) {
        row.state = row.durable == 0 ? "missing" : "truncated";
        row.changed = true;
        ended.add(row.key.chunkStart());
        newGaps.add(row.key.jvm());
    }

    private static @Nullable String contradiction(Row row, Segment segment) {
        if (row.ticks != segment.chunk().startTicks()) {
            return "The chunk " + segment.chunk() + " has the start of chunk " + row.key.chunkStart() + "." + row.ticks
                    + " with other ticks; a chunk's start does not change.";
        }
        byte[] before = row.header;
        if (before != null && !Segment.sameChunk(before, segment.header())) {
            return "The header of chunk " + segment.chunk()
                    + " has another version, start or clock frequency than before; these do not change within a chunk.";
        }
        return null;
    }

    private static boolean takes(Row row, Segment segment, LocalDate today) {
        if (row.state.equals("expired") && segment.offset() != 0) {
            // Its stored bytes were dropped while the agent was away: it has to come again from its start.
            row.durable = 0;
            row.boundary = 0;
            row.header = null;
            row.day = today;
            row.state = "open";
            row.restarted = true;
            row.changed = true;
        }
        return !row.state.equals("complete") && segment.offset() == row.durable;
    }

    private static void append(Row row, Segment segment, UUID jvm, CopyRows segments) {
        if (segment.raw().length > 0) {
            segments.row(7)
                    .uuid(jvm)
                    .bigint(row.key.chunkStart())
                    .bigint(segment.offset())
                    .date(row.day)
                    .integer(segment.raw().length)
                    .bytea(segment.header())
                    .bytea(segment.zlib());
        }
        row.durable = segment.end();
        row.grown = true;
        if (segment.reachesBoundary()) {
            row.boundary = segment.boundary();
        }
        if (row.header == null || segment.reachesBoundary()) {
            // Before the first boundary too, so that what does not change within a chunk is known from its first
            // segment.
            row.header = segment.header();
        }
        row.state = "open";
        if (segment.last()) {
            row.size = segment.boundary();
            if (row.durable == row.size) {
                row.state = "complete";
            }
        }
        row.changed = true;
    }

    /** PostgreSQL orders UUIDs as unsigned bytes, Java as signed numbers. */
    static int compareAsPostgres(UUID a, UUID b) {
        int high = Long.compareUnsigned(a.getMostSignificantBits(), b.getMostSignificantBits());
        return high != 0 ? high : Long.compareUnsigned(a.getLeastSignificantBits(), b.getLeastSignificantBits());
    }
}
