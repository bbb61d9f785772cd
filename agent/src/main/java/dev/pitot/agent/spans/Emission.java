package dev.pitot.agent.spans;

import dev.pitot.events.CallSummary;
import dev.pitot.events.EndpointSummary;
import dev.pitot.events.PoolSummary;
import dev.pitot.events.SpanSummary;
import dev.pitot.events.StatementSummary;
import java.util.List;

/** Emits each second the summary of each name that had something in it. The sampler's thread alone. */
final class Emission {
    private final List<String> further;
    private final int[] scratch = new int[Buckets.COUNT];
    private final long[] extras = new long[Done.EXTRAS];
    /** When the summaries to come begin. */
    private long since = System.nanoTime();

    private long interval;
    private OwnCost ownCost;
    private long spans;
    private long inlineNanos;

    /** @param further names of counters */
    Emission(List<String> further) {
        this.further = further;
        ownCost = OwnCost.none(0);
    }

    /** A second is over. */
    void begin(OwnCost found) {
        long now = System.nanoTime();
        interval = now - since;
        since = now;
        ownCost = found;
        spans = 0;
        inlineNanos = 0;
    }

    /** What measuring took beside the spans of these summaries. */
    void add(long nanos) {
        inlineNanos += nanos;
    }

    /** @param counted whether counters were read, for what that takes */
    void endpoints(List<Summary> all, boolean counted) {
        for (Summary summary : all) {
            EndpointSummary event = new EndpointSummary();
            if (drain(summary, event, counted)) {
                event.method = summary.name;
                event.route = summary.detail;
                event.async = extras[Done.ASYNC];
                event.sqlStatements = extras[Done.STATEMENTS];
                event.sqlDuration = extras[Done.STATEMENT_NANOS];
                event.httpCalls = extras[Done.CALLS];
                event.httpCallDuration = extras[Done.CALL_NANOS];
                event.loggedErrors = extras[Done.LOGGED_ERRORS];
                event.unfollowedTasks = extras[Done.UNFOLLOWED];
                event.commit();
            }
        }
    }

    void statements(List<Summary> all, boolean counted) {
        for (Summary summary : all) {
            StatementSummary event = new StatementSummary();
            if (drain(summary, event, counted)) {
                event.statement = summary.name;
                event.sql = summary.detail;
                event.batched = extras[Done.BATCHED];
                event.commit();
            }
        }
    }

    void calls(List<Summary> all, boolean counted) {
        for (Summary summary : all) {
            CallSummary event = new CallSummary();
            if (drain(summary, event, counted)) {
                event.target = summary.name;
                event.commit();
            }
        }
    }

    void pools(List<Summary> all, boolean counted) {
        for (Summary summary : all) {
            PoolSummary event = new PoolSummary();
            if (drain(summary, event, counted)) {
                event.pool = summary.name;
                event.commit();
            }
        }
    }

    private boolean drain(Summary summary, SpanSummary event, boolean counted) {
        if (!summary.takeTouched() || !summary.drainTo(event, scratch, further, extras)) {
            return false;
        }
        event.interval = interval;
        spans += event.count;
        inlineNanos += event.count * ownCost.ofSpan(counted);
        return true;
    }

    /** Spans of the summaries since {@link #begin}. */
    long spans() {
        return spans;
    }

    /** CPU nanoseconds that measuring these took, and what was added. */
    long inlineNanos() {
        return inlineNanos;
    }
}
