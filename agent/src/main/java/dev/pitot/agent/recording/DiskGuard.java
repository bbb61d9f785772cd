package dev.pitot.agent.recording;

import java.io.File;

/**
 * JFR aborts the JVM when the disk is full (JDK-8280684), so there must be room before it writes. Costs one statvfs a look. It is a
 * race all the same: whoever fills the disk within a look or two wins it. One thread.
 */
public final class DiskGuard {
    private static final long LEAST = 256L << 20;

    private long before = Long.MAX_VALUE;

    /** Why there is too little room for a recording in this folder: a sentence, or empty when there is enough. */
    public static String objection(File folder) {
        long total = folder.getTotalSpace();
        long usable = folder.getUsableSpace();
        long least = least(total);
        if (total == 0 || usable >= least) {
            // 0 when the folder does not exist: then the recording's own start says so.
            return "";
        }
        return "the file system of " + folder + " has " + (usable >> 20) + " MB left of " + (total >> 20)
                + " MB, and a recording needs at least " + (least >> 20) + " MB free";
    }

    private static long least(long total) {
        return Math.max(LEAST, total / 20);
    }

    /**
     * Whether a look each second is too rarely: within twice the limit, or when as much as was written since the last call would
     * reach it within three more.
     */
    public boolean isNear(File folder) {
        long usable = folder.getUsableSpace();
        long least = least(folder.getTotalSpace());
        long written = Math.max(0, before - usable);
        boolean first = before == Long.MAX_VALUE;
        before = usable;
        return usable < 2 * least || (!first && usable - 3 * written < least);
    }
}
