package dev.pitot.agent.spans;

/** What the wall time of a span is made of, as places in arrays; the order of the {@code time…} fields of the events. */
final class Part {
    static final int ON_CPU = 0;
    static final int RUN_QUEUE = 1;
    static final int LOCK = 2;
    static final int PARK = 3;
    static final int SOCKET = 4;
    static final int FILE = 5;
    static final int SQL = 6;
    static final int CALL = 7;
    static final int POOL = 8;
    static final int PAUSE = 9;
    static final int HANDOFF = 10;
    static final int UNKNOWN = 11;
    static final int COUNT = 12;

    private Part() {}
}
