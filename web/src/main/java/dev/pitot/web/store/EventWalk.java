package dev.pitot.web.store;

import dev.pitot.web.store.EventScan.Hit;
import dev.pitot.web.store.EventScan.Slice;
import dev.pitot.web.store.EventSearch.Order;
import dev.pitot.web.store.EventSearch.Page;
import dev.pitot.web.store.EventSearch.Position;
import dev.pitot.web.store.EventSearch.Run;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Gathers one page of an {@link EventSearch}, slice by slice. One thread. */
final class EventWalk {
    /** Nanoseconds: what is longer is one slice. */
    private static final long LONG = 60_000_000_000L;

    /** Microseconds: the width of the first slice of time. */
    private static final long FIRST_WIDTH = 4_000_000;

    /** PostgreSQL's order of UUIDs is that of their bytes. */
    private static final Comparator<UUID> BY_BYTES = (a, b) -> {
        int high = Long.compareUnsigned(a.getMostSignificantBits(), b.getMostSignificantBits());
        return high != 0 ? high : Long.compareUnsigned(a.getLeastSignificantBits(), b.getLeastSignificantBits());
    };

    private static final Comparator<Hit> SLOWEST_FIRST = Comparator.comparing(
            Hit::position,
            Comparator.comparingLong(Position::took)
                    .thenComparingLong(Position::micros)
                    .thenComparing(Position::jvm, BY_BYTES)
                    .thenComparingLong(Position::chunkStart)
                    .thenComparingLong(Position::chunkOffset)
                    .reversed());

    private final EventScan scan;
    private final EventSearch.Bounds bounds;
    private final int limit;
    private final long from;
    private final long last;
    private final long deadline;
    private final List<Hit> hits = new ArrayList<>();
    private long looked;
    private long width;
    /** Down to here from where it was, a slice held too much: the next ones come nearer by halves, not by leaps over it again. */
    private long wall = Long.MIN_VALUE;

    private Position position;

    EventWalk(EventScan scan, EventSearch.Question question, EventSearch.Bounds bounds, @Nullable Position after) {
        this.scan = scan;
        this.bounds = bounds;
        limit = question.limit();
        from = question.fromMillis() * 1000;
        last = question.toMillis() * 1000 - 1;
        deadline = System.nanoTime() + bounds.millis() * 1_000_000;
        position = after != null
                ? after
                : question.order() == Order.NEWEST ? Position.time(last) : Position.duration(Long.MAX_VALUE);
        width = position.run() == Run.SLOW ? position.took() : FIRST_WIDTH;
    }

    Page page() throws SQLException {
        if (position.run() == Run.FAST) {
            return fast();
        }
        Position start = position;
        boolean slow = position.run() == Run.SLOW;
        long least = slow ? EventSearch.SLOW : from;
        while (position.value() >= least) {
            if (isOver() && position != start) {
                return answer(position, false);
            }
            long top = position.value();
            long lowest = slow ? lowestDuration(top) : Math.max(least, top - Math.min(width, top - least));
            boolean crowd = lowest == top;
            Slice slice = crowd
                    ? scan.crowd(position, top, limit - hits.size())
                    : scan.slice(position, lowest, top, limit - hits.size());
            looked += slice.looked();
            if (adapt(slice, top, lowest)) {
                continue;
            }
            hits.addAll(slice.hits());
            if (hits.size() == limit) {
                return answer(hits.get(limit - 1).position(), true);
            }
            position = crowd && slice.looked() == bounds.slice()
                    ? slice.end()
                    : slow ? Position.duration(lowest - 1) : Position.time(lowest - 1);
        }
        if (slow) {
            position = Position.fast(last);
            width = FIRST_WIDTH;
            wall = Long.MIN_VALUE;
            return fast();
        }
        return answer(null, true);
    }

    /** Whether it is enough for one page; but each gets somewhere, be it to the end of the narrowest slice. */
    private boolean isOver() {
        return looked >= bounds.page() || System.nanoTime() > deadline;
    }

    /** Durations are spread over powers of ten: a slice leaves an eighth of what is below. */
    private long lowestDuration(long top) {
        return top > LONG && width >= top - LONG
                ? LONG
                : Math.max(EventSearch.SLOW, top - Math.min(width, top - top / 8));
    }

    /**
     * Makes the next slice wider or narrower.
     *
     * @return whether this one held too much, and is to be read anew
     */
    private boolean adapt(Slice slice, long top, long lowest) {
        if (slice.looked() > bounds.slice()) {
            wall = lowest;
            width = (top - lowest) / 8;
            return true;
        }
        int half = bounds.slice() / 2;
        if (slice.looked() > half) {
            width = Math.max(1, width / 2);
        } else {
            int wider = slice.looked() == 0 ? 8 : Math.max(1, Math.min(8, half / slice.looked()));
            width = Math.min(Long.MAX_VALUE / 16, Math.max(1, width) * wider);
        }
        if (lowest > wall && wall != Long.MIN_VALUE) {
            width = Math.min(width, Math.max(1, (lowest - wall) / 2));
        }
        return false;
    }

    /**
     * The slowest behind the position of the part of time that it is in. The first page of a part finds out how far the part reaches,
     * the others go through all of it again.
     */
    private Page fast() throws SQLException {
        boolean known = position.partFrom() >= 0;
        long least = known ? position.partFrom() : from;
        int room = limit - hits.size();
        List<Hit> slowest = new ArrayList<>();
        long top = position.partTo();
        while (top >= least && (known || top == position.partTo() || !isOver())) {
            long lowest = Math.max(least, top - Math.min(width, top - least));
            Slice slice =
                    lowest == top ? scan.crowd(position, top, bounds.slice()) : scan.slice(position, lowest, top, room);
            looked += slice.looked();
            if (adapt(slice, top, lowest)) {
                continue;
            }
            slowest.addAll(slice.hits());
            slowest.sort(SLOWEST_FIRST);
            slowest = new ArrayList<>(slowest.subList(0, Math.min(room, slowest.size())));
            top = lowest - 1;
        }
        hits.addAll(slowest);
        if (slowest.size() == room && room > 0) {
            Position end = slowest.get(room - 1).position();
            return answer(
                    new Position(
                            Run.FAST,
                            end.took(),
                            end.micros(),
                            end.jvm(),
                            end.chunkStart(),
                            end.chunkOffset(),
                            top + 1,
                            position.partTo()),
                    top < from);
        }
        return top < from ? answer(null, true) : answer(Position.fast(top), false);
    }

    private Page answer(@Nullable Position next, boolean complete) {
        return new Page(hits.stream().map(Hit::event).toList(), next, complete, looked);
    }
}
