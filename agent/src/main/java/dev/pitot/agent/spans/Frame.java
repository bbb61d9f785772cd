package dev.pitot.agent.spans;

import dev.pitot.events.ConnectionWait;
import dev.pitot.events.SqlStatement;
import org.jspecify.annotations.Nullable;

/**
 * What one thread does within one span: a handler, a task of a request, a statement, a call or a wait. Frames are stacked; each depth
 * of a thread has one, which is used again and again, by that thread only.
 */
final class Frame {
    enum Kind {
        REQUEST,
        TASK,
        STATEMENT,
        CALL,
        WAIT
    }

    final ThreadMeter meter;
    final ThreadMeter.Mark mark;
    final Cost cost;
    /** Of the spans that ended within this one. */
    final Cost nested;

    /** Of work for other requests that this thread did meanwhile. */
    final Cost foreign;

    final Split split = new Split();

    Kind kind = Kind.TASK;
    long id;
    /** Whether counters were read when it began. */
    boolean counted;
    /** Spans that ended in it, however deep, each of which was measured at some cost; and those of them of which counters were read. */
    int inner;

    int innerCounted;

    boolean hasForeign;

    /** The request, of {@link Kind#REQUEST} and {@link Kind#TASK}; the thread's former one goes on when this ends. */
    @Nullable
    Span span;

    @Nullable
    Span before;

    /** Of {@link Kind#TASK}: goes on with the handling of the request, which has not ended before this has. */
    boolean handles;

    /** The same: who is to know when it will never end. */
    @Nullable
    Endings endings;

    /** Of {@link Kind#STATEMENT} and {@link Kind#WAIT}. */
    @Nullable
    Summary summary;

    @Nullable
    SqlStatement statement;

    /** Of {@link Kind#STATEMENT}: with its literals, where events carry them. */
    @Nullable
    String text;

    @Nullable
    ConnectionWait wait;

    /** Of {@link Kind#WAIT}: the summary is a pool's for certain. */
    boolean isPool;

    /** Of {@link Kind#CALL}. */
    @Nullable
    Call call;

    Frame(ThreadMeter meter) {
        this.meter = meter;
        mark = meter.newMark();
        cost = new Cost(meter.places());
        nested = new Cost(meter.places());
        foreign = new Cost(meter.places());
    }
}
