package dev.pitot.web.live;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Requests, errors and p99 per second over all endpoints of one JVM, the last {@link MetricWindow#MOST} seconds. The agent commits
 * the summaries of one second together, but not on the second: what lies within half a second of the first is one group.
 * Guarded by its {@link LiveJvm}.
 */
final class RequestSeconds {
    private static final long WITHIN_MILLIS = 500;
    /** Groups that still can be added to exactly, and that {@link #p99} reaches; older ones keep their p99 only. */
    private static final int OPEN_GROUPS = 15;

    private static final class Group {
        final long time;
        long requests;
        long errors;
        double p99 = Double.NaN;

        @Nullable
        DurationHistogram histogram = new DurationHistogram();

        Group(long time) {
            this.time = time;
        }
    }

    private final ArrayList<Group> groups = new ArrayList<>();
    private long freshFrom = Long.MAX_VALUE;

    void add(SpanSecond second) {
        Group group = group(second.timeMillis());
        if (group == null) {
            return;
        }
        group.requests += second.count();
        group.errors += second.errors();
        if (group.histogram != null) {
            group.histogram.add(second.histogram());
            group.p99 = group.histogram.percentile(0.99) / 1e6;
        }
        freshFrom = Math.min(freshFrom, group.time);
    }

    private @Nullable Group group(long time) {
        int at = groups.size();
        while (at > 0 && groups.get(at - 1).time > time - WITHIN_MILLIS) {
            at--;
        }
        if (at < groups.size() && groups.get(at).time < time + WITHIN_MILLIS) {
            return groups.get(at);
        }
        return insert(at, new Group(time));
    }

    private @Nullable Group insert(int at, Group group) {
        if (groups.size() >= MetricWindow.MOST + OPEN_GROUPS) {
            // Removing from the front in runs keeps the cost of moving the rest down.
            groups.subList(0, OPEN_GROUPS).clear();
            at -= OPEN_GROUPS;
            if (at < 0) {
                return null;
            }
        }
        groups.add(at, group);
        int closed = groups.size() - OPEN_GROUPS - 1;
        if (closed >= 0) {
            groups.get(closed).histogram = null;
        }
        return group;
    }

    /**
     * A second that was measured and in which no request ended: zeros, not a hole. Does nothing before the first request, nor
     * within a second of a group.
     *
     * @param time of another sample by the same thread of the agent
     */
    void quiet(long time) {
        if (!groups.isEmpty() && time > groups.get(groups.size() - 1).time + 700) {
            insert(groups.size(), new Group(time));
            freshFrom = Math.min(freshFrom, time);
        }
    }

    long newest() {
        return groups.isEmpty() ? Long.MIN_VALUE : groups.get(groups.size() - 1).time;
    }

    long freshFrom() {
        return freshFrom;
    }

    void settle() {
        freshFrom = Long.MAX_VALUE;
    }

    /** Means per second, and p99 in milliseconds, over the groups after {@code sinceMillis}; null when there are none. */
    @Nullable
    Recent recent(long sinceMillis) {
        long requests = 0;
        long errors = 0;
        int seconds = 0;
        DurationHistogram all = new DurationHistogram();
        for (int i = groups.size() - 1; i >= 0 && groups.get(i).time > sinceMillis; i--) {
            Group group = groups.get(i);
            requests += group.requests;
            errors += group.errors;
            seconds++;
            if (group.histogram != null) {
                all.add(group.histogram);
            }
        }
        return seconds == 0
                ? null
                : new Recent((double) requests / seconds, (double) errors / seconds, all.percentile(0.99) / 1e6);
    }

    record Recent(double requestRate, double errorRate, double p99) {}

    /** Groups from {@code fromMillis} on; null when there are none. */
    @Nullable
    Rates copy(long fromMillis) {
        List<Group> wanted =
                groups.stream().filter(group -> group.time >= fromMillis).toList();
        if (wanted.isEmpty()) {
            return null;
        }
        return new Rates(
                wanted.stream().mapToLong(group -> group.time).toArray(),
                wanted.stream().mapToLong(group -> group.requests).toArray(),
                wanted.stream().mapToLong(group -> group.errors).toArray(),
                wanted.stream().mapToDouble(group -> group.p99).toArray());
    }

    record Rates(long[] t, long[] requests, long[] errors, double[] p99) {}
}
