package dev.pitot.agent.spans;

/** What is given up for the budget, least missed first; each level gives up what those before it do. */
public final class Shedding {
    public static final int NOTHING = 0;
    public static final int STACK_TRACES = 1;
    public static final int EVENTS = 2;
    public static final int COUNTERS_OF_SQL = 3;
    public static final int COUNTERS_OF_REQUESTS = 4;

    private Shedding() {}
}
