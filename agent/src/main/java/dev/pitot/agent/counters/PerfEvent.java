package dev.pitot.agent.counters;

import java.util.List;

/**
 * One thing that perf_event_open(2) can count, as its attribute wants it.
 *
 * @param type PERF_TYPE_*: 0 hardware, 1 software, 3 cache, 4 raw, 5 breakpoint, or the number of a PMU in sysfs
 * @param config which event of that type
 * @param config1 more of it; of a breakpoint the address that it watches
 * @param config2 more of it; of a breakpoint how many bytes
 * @param breakpointType HW_BREAKPOINT_*: 0 unless type is 5
 * @param excluded {@link Perf#EXCLUDE_KERNEL} and its neighbours, as the name asked for ({@code cycles:u})
 */
record PerfEvent(String name, int type, long config, long config1, long config2, int breakpointType, long excluded) {
    static final int HARDWARE = 0;
    static final int SOFTWARE = 1;
    static final int CACHE = 3;
    static final int RAW = 4;
    static final int BREAKPOINT = 5;

    static final PerfEvent CYCLES = hardware("cycles", 0);
    static final PerfEvent INSTRUCTIONS = hardware("instructions", 1);
    static final PerfEvent CACHE_REFERENCES = hardware("cache-references", 2);
    static final PerfEvent CACHE_MISSES = hardware("cache-misses", 3);
    static final PerfEvent BRANCHES = hardware("branches", 4);
    static final PerfEvent BRANCH_MISSES = hardware("branch-misses", 5);
    static final PerfEvent PAGE_FAULTS = new PerfEvent("page-faults", SOFTWARE, 2, 0, 0, 0, 0);
    static final PerfEvent CONTEXT_SWITCHES = new PerfEvent("context-switches", SOFTWARE, 3, 0, 0, 0, 0);
    static final PerfEvent CPU_MIGRATIONS = new PerfEvent("cpu-migrations", SOFTWARE, 4, 0, 0, 0, 0);

    /** What a request is counted with, of the hardware. */
    static final List<PerfEvent> OF_THREAD = List.of(CYCLES, INSTRUCTIONS, CACHE_MISSES, BRANCH_MISSES);

    /** What is counted for the whole process, in the order of {@link ProcessHardware}'s totals. */
    static final List<PerfEvent> OF_PROCESS =
            List.of(CYCLES, INSTRUCTIONS, CACHE_REFERENCES, CACHE_MISSES, BRANCHES, BRANCH_MISSES);

    /** Whether only a PMU of the CPU's cores can count it. */
    boolean isOfCores() {
        return type == HARDWARE || type == CACHE || type == RAW;
    }

    /** The same under another name and with another part excluded. */
    PerfEvent as(String otherName, long otherExcluded) {
        return new PerfEvent(otherName, type, config, config1, config2, breakpointType, otherExcluded);
    }

    private static PerfEvent hardware(String name, long config) {
        return new PerfEvent(name, HARDWARE, config, 0, 0, 0, 0);
    }
}
