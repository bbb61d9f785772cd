package dev.pitot.agent.recording;

import java.io.File;

/** JFR aborts the JVM when the disk is full (JDK-8280684), so there must be room before it writes. Costs one statvfs a look. */
public final class DiskGuard {
    private static final long LEAST = 256L << 20;

    private DiskGuard() {}

    /** Why there is too little room for a recording in this folder: a sentence, or empty when there is enough. */
    public static String objection(File folder) {
        long total = folder.getTotalSpace();
        long usable = folder.getUsableSpace();
        long least = Math.max(LEAST, total / 20);
        if (total == 0 || usable >= least) {
            // 0 when the folder does not exist: then the recording's own start says so.
            return "";
        }
        return "the file system of " + folder + " has " + (usable >> 20) + " MB left of " + (total >> 20)
                + " MB, and a recording needs at least " + (least >> 20) + " MB free";
    }
}
