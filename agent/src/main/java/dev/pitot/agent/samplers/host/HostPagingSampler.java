package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostPaging;

/** {@code pitot.HostPaging}: /proc/vmstat; see proc_vmstat(5). Kernels before 4.8 counted reclaim by zone: N/A there. */
final class HostPagingSampler implements HostMetric {
    private static final int PAGED_IN = 0;
    private static final int PAGED_OUT = 1;
    private static final int SWAPPED_IN = 2;
    private static final int SWAPPED_OUT = 3;
    private static final int FAULTS = 4;
    private static final int MAJOR_FAULTS = 5;
    private static final int SCANNED = 6;
    private static final int OUT_OF_MEMORY_KILLS = 7;
    private static final int STOLEN = 8;
    private static final int STOLEN_END = 12;

    private final Keys keys = new Keys(
            "pgpgin",
            "pgpgout",
            "pswpin",
            "pswpout",
            "pgfault",
            "pgmajfault",
            "pgscan_direct",
            "oom_kill",
            // Who reclaimed: the kernel's thread, a program in need, the maker of huge pages, memory.reclaim.
            "pgsteal_kswapd",
            "pgsteal_direct",
            "pgsteal_khugepaged",
            "pgsteal_proactive");
    private final Differences totals = new Differences(STOLEN + 1);
    private final ProcFile vmstat;
    private final Text text;

    HostPagingSampler(HostRoots roots, Text text) {
        vmstat = new ProcFile(roots.proc() + "/vmstat");
        this.text = text;
    }

    @Override
    public String name() {
        return "paging";
    }

    @Override
    public boolean sample() {
        if (!keys.read(vmstat, text)) {
            return false;
        }
        boolean follows = totals.begin(System.nanoTime());
        HostPaging event = new HostPaging();
        event.interval = totals.interval();
        // In KiB, whatever the page size; proc_vmstat(5) says nothing of it, the kernel's mm/vmstat.c does.
        event.pagedIn = totals.of(PAGED_IN, keys.get(PAGED_IN), 1024);
        event.pagedOut = totals.of(PAGED_OUT, keys.get(PAGED_OUT), 1024);
        event.swappedIn = totals.count(SWAPPED_IN, keys.get(SWAPPED_IN));
        event.swappedOut = totals.count(SWAPPED_OUT, keys.get(SWAPPED_OUT));
        event.faults = totals.count(FAULTS, keys.get(FAULTS));
        event.majorFaults = totals.count(MAJOR_FAULTS, keys.get(MAJOR_FAULTS));
        event.scannedDirectly = totals.count(SCANNED, keys.get(SCANNED));
        event.stolen = totals.count(STOLEN, stolen());
        event.outOfMemoryKills = totals.count(OUT_OF_MEMORY_KILLS, keys.get(OUT_OF_MEMORY_KILLS));
        if (follows) {
            event.commit();
        }
        return true;
    }

    private long stolen() {
        long sum = Long.MIN_VALUE;
        for (int key = STOLEN; key < STOLEN_END; key++) {
            long pages = keys.get(key);
            if (pages != Long.MIN_VALUE) {
                sum = sum == Long.MIN_VALUE ? pages : sum + pages;
            }
        }
        return sum;
    }
}
