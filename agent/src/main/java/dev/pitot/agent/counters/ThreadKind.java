package dev.pitot.agent.counters;

/** Who a thread works for, by the name that HotSpot gives it; the kernel keeps the first 15 bytes of it (prctl(2), PR_SET_NAME). */
enum ThreadKind {
    APPLICATION,
    GC(
            "GC Thread#",
            "G1 ",
            "ConcGC",
            "Shenandoah",
            "ZWorker",
            "ZDriver",
            "ZDirector",
            "ZStat",
            "ZUn",
            "XWorker",
            "XDriver",
            "XDirector",
            "XStat",
            "XUn",
            "RuntimeWorker#",
            "StringDedup"),
    JIT("C1 Compiler", "C2 Compiler", "JVMCI Compiler", "JVMCI-native", "Sweeper thread"),
    VM(
            "VM Thread",
            "Safepoint Clean",
            "VM Periodic Tas",
            "Reference Handl",
            "Finalizer",
            "Signal Dispatch",
            "Service Thread",
            "Monitor Deflati",
            "Notification Th",
            "Common-Cleaner",
            "Attach Listener"),
    AGENT(
            "pitot-",
            "JFR Recorder Th",
            "JFR Periodic Ta",
            "JFR Thread Samp",
            "JFR Sampler Thr",
            "JFR Shutdown Ho",
            "JFR Event Strea");

    /** Workers that the VM thread starts when it first needs them, and that inherit its counters. */
    private static final String GC_WORKER = "GC Thread#";

    private final String[] beginnings;
    private final String text;

    ThreadKind(String... beginnings) {
        this.beginnings = beginnings;
        this.text = name().toLowerCase(java.util.Locale.ROOT);
    }

    /** As the events have it. */
    String text() {
        return text;
    }

    /** @param name of the thread, as in /proc/self/task/TID/comm */
    static ThreadKind of(String name) {
        for (ThreadKind kind : values()) {
            for (String beginning : kind.beginnings) {
                if (name.startsWith(beginning)) {
                    return kind;
                }
            }
        }
        return APPLICATION;
    }

    static boolean isGcWorker(String name) {
        return name.startsWith(GC_WORKER);
    }
}
