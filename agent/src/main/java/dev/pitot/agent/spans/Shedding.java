package dev.pitot.agent.spans;

/** What is given up for the budget, least missed first; each level gives up what those before it do. Any thread. */
public final class Shedding {
    public static final int NOTHING = 0;
    public static final int STACK_TRACES = 1;
    public static final int EVENTS = 2;
    public static final int COUNTERS_OF_SQL = 3;
    public static final int COUNTERS_OF_REQUESTS = 4;
    public static final int WORK_ON_OTHER_THREADS = 5;
    public static final int WAITS = 6;
    public static final int MOST = WAITS;

    private volatile int level;

    Shedding() {}

    void level(int given) {
        level = given;
    }

    /** Whether single spans become events. */
    boolean emits() {
        return level < EVENTS;
    }

    /** Whether the counters of statements and of waits for connections are read. */
    boolean countsSql() {
        return level < COUNTERS_OF_SQL;
    }

    /** Whether those of requests, tasks and calls are. */
    boolean countsRequests() {
        return level < COUNTERS_OF_REQUESTS;
    }

    /** Whether what requests hand over from now on is followed. */
    boolean follows() {
        return level < WORK_ON_OTHER_THREADS;
    }

    /** Whether it is read how long a thread waited for a CPU, and what the JVM tells of its waits. */
    boolean readsWaits() {
        return level < WAITS;
    }
}
