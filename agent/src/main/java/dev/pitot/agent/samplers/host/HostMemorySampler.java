package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostMemory;

/** {@code pitot.HostMemory}: /proc/meminfo, in KiB; see proc_meminfo(5). */
final class HostMemorySampler implements HostMetric {
    private static final int TOTAL = 0;
    private static final int FREE = 1;
    private static final int AVAILABLE = 2;
    private static final int BUFFERS = 3;
    private static final int CACHED = 4;
    private static final int SHARED = 5;
    private static final int SLAB = 6;
    private static final int DIRTY = 7;
    private static final int WRITEBACK = 8;
    private static final int COMMITTED = 9;
    private static final int SWAP_TOTAL = 10;
    private static final int SWAP_FREE = 11;
    private static final int SWAP_CACHED = 12;
    private static final int ANON_HUGE_PAGES = 13;
    private static final int HUGE_PAGES_TOTAL = 14;
    private static final int HUGE_PAGES_FREE = 15;
    private static final int HUGE_PAGE_SIZE = 16;

    private final Keys keys = new Keys(
            "MemTotal",
            "MemFree",
            "MemAvailable",
            "Buffers",
            "Cached",
            "Shmem",
            "Slab",
            "Dirty",
            "Writeback",
            "Committed_AS",
            "SwapTotal",
            "SwapFree",
            "SwapCached",
            "AnonHugePages",
            "HugePages_Total",
            "HugePages_Free",
            "Hugepagesize");
    private final ProcFile meminfo;
    private final Text text;

    HostMemorySampler(HostRoots roots, Text text) {
        meminfo = new ProcFile(roots.proc() + "/meminfo");
        this.text = text;
    }

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public boolean sample() {
        if (!keys.read(meminfo, text)) {
            return false;
        }
        HostMemory event = new HostMemory();
        event.total = bytes(TOTAL);
        event.free = bytes(FREE);
        event.available = bytes(AVAILABLE);
        event.used = less(event.total, event.available);
        event.buffers = bytes(BUFFERS);
        event.cached = bytes(CACHED);
        event.shared = bytes(SHARED);
        event.slab = bytes(SLAB);
        event.dirty = bytes(DIRTY);
        event.writeback = bytes(WRITEBACK);
        event.committed = bytes(COMMITTED);
        event.swapTotal = bytes(SWAP_TOTAL);
        event.swapUsed = less(event.swapTotal, bytes(SWAP_FREE));
        event.swapCached = bytes(SWAP_CACHED);
        event.anonHugePages = bytes(ANON_HUGE_PAGES);
        event.hugePagesTotal = Differences.number(keys.get(HUGE_PAGES_TOTAL));
        event.hugePagesFree = Differences.number(keys.get(HUGE_PAGES_FREE));
        event.hugePageSize = bytes(HUGE_PAGE_SIZE);
        event.commit();
        return true;
    }

    private long bytes(int key) {
        long kilobytes = keys.get(key);
        return kilobytes == Long.MIN_VALUE ? Long.MIN_VALUE : kilobytes * 1024;
    }

    /** The two are read at once but summed up apart, so that a small negative one may come out: that is a zero. */
    private static long less(long all, long part) {
        return all == Long.MIN_VALUE || part == Long.MIN_VALUE ? Long.MIN_VALUE : Math.max(0, all - part);
    }
}
