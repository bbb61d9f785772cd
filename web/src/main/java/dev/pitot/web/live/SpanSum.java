package dev.pitot.web.live;

import java.util.EnumSet;
import java.util.List;

/** Sums in a summary event, and how each becomes a figure of one span in the API. */
enum SpanSum {
    CPU("totalCpuTime", "cpu", Over.MEASURED, SpanSum.MILLIS),
    RUN_QUEUE_WAIT("totalRunQueueWait", "runQueueWait", Over.MEASURED, SpanSum.MILLIS),
    ALLOCATED("totalAllocated", "allocated", Over.MEASURED, 1),
    OWN_CPU("totalOwnCpuTime", "ownCpu", Over.MEASURED, SpanSum.MILLIS),
    OWN_RUN_QUEUE_WAIT("totalOwnRunQueueWait", "ownRunQueueWait", Over.MEASURED, SpanSum.MILLIS),
    OWN_ALLOCATED("totalOwnAllocated", "ownAllocated", Over.MEASURED, 1),
    CONTEXT_SWITCHES("totalContextSwitches", "contextSwitches", Over.COUNTED, 1),
    PAGE_FAULTS("totalPageFaults", "pageFaults", Over.COUNTED, 1),
    CYCLES("totalCycles", "cycles", Over.COUNTED, 1),
    INSTRUCTIONS("totalInstructions", "instructions", Over.COUNTED, 1),
    CACHE_MISSES("totalCacheMisses", "cacheMisses", Over.COUNTED, 1),
    BRANCH_MISSES("totalBranchMisses", "branchMisses", Over.COUNTED, 1),
    OWN_CONTEXT_SWITCHES("totalOwnContextSwitches", "ownContextSwitches", Over.COUNTED, 1),
    OWN_PAGE_FAULTS("totalOwnPageFaults", "ownPageFaults", Over.COUNTED, 1),
    OWN_CYCLES("totalOwnCycles", "ownCycles", Over.COUNTED, 1),
    OWN_INSTRUCTIONS("totalOwnInstructions", "ownInstructions", Over.COUNTED, 1),
    OWN_CACHE_MISSES("totalOwnCacheMisses", "ownCacheMisses", Over.COUNTED, 1),
    OWN_BRANCH_MISSES("totalOwnBranchMisses", "ownBranchMisses", Over.COUNTED, 1),
    SQL_STATEMENTS("sqlStatements", "sqlStatements", Over.ALL, 1),
    SQL_DURATION("sqlDuration", "sqlDuration", Over.ALL, SpanSum.MILLIS),
    HTTP_CALLS("httpCalls", "httpCalls", Over.ALL, 1),
    HTTP_CALL_DURATION("httpCallDuration", "httpCallDuration", Over.ALL, SpanSum.MILLIS),
    LOGGED_ERRORS("loggedErrors", "loggedErrors", Over.ALL, 1),
    BATCHED("batched", "batched", Over.ALL, 1),
    TIME_ON_CPU("totalTimeOnCpu", "onCpu", Over.TIMED, SpanSum.MILLIS),
    TIME_RUN_QUEUE("totalTimeRunQueue", "runQueue", Over.TIMED, SpanSum.MILLIS),
    TIME_LOCK("totalTimeLock", "lock", Over.TIMED, SpanSum.MILLIS),
    TIME_PARK("totalTimePark", "park", Over.TIMED, SpanSum.MILLIS),
    TIME_SOCKET("totalTimeSocket", "socket", Over.TIMED, SpanSum.MILLIS),
    TIME_FILE("totalTimeFile", "file", Over.TIMED, SpanSum.MILLIS),
    TIME_SQL("totalTimeSql", "sql", Over.TIMED, SpanSum.MILLIS),
    TIME_CALL("totalTimeCall", "call", Over.TIMED, SpanSum.MILLIS),
    TIME_POOL("totalTimePool", "pool", Over.TIMED, SpanSum.MILLIS),
    TIME_PAUSE("totalTimePause", "pause", Over.TIMED, SpanSum.MILLIS),
    TIME_HANDOFF("totalTimeHandoff", "handoff", Over.TIMED, SpanSum.MILLIS),
    TIME_UNKNOWN("totalTimeUnknown", "unknown", Over.TIMED, SpanSum.MILLIS);

    /** The spans that a sum is over. */
    enum Over {
        ALL,
        /** Those whose end was seen. */
        TIMED,
        /** Those of which CPU time and allocation are known. */
        MEASURED,
        /** Those of which counters are known. */
        COUNTED
    }

    /** Nanoseconds in a millisecond. */
    private static final double MILLIS = 1e6;

    /** All, in the order of their ordinals. */
    static final List<SpanSum> ALL = List.of(values());

    /** The parts of the duration, which add up to it. */
    static final List<SpanSum> PARTS = List.copyOf(EnumSet.range(TIME_ON_CPU, TIME_UNKNOWN));

    /** All others. */
    static final List<SpanSum> COSTS = List.copyOf(EnumSet.range(CPU, BATCHED));

    /** Field of the event: nanoseconds, bytes or a number. */
    final String field;
    /** Name in the API. */
    final String name;

    final Over over;
    /** What one unit of the API is in the event. */
    final double unit;

    SpanSum(String field, String name, Over over, double unit) {
        this.field = field;
        this.name = name;
        this.over = over;
        this.unit = unit;
    }

    /** What the span did itself, without the spans in it. */
    boolean isOwn() {
        return name.startsWith("own");
    }
}
