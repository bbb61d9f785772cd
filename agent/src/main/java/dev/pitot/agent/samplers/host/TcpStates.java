package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostTcp;
import java.io.IOException;
import java.io.RandomAccessFile;

/**
 * How many TCP sockets are in which state, counted in /proc/net/tcp and tcp6. The kernel walks its whole table of sockets for
 * these, even when it is empty, 5 to 10 ms each on a machine with 24 GB: so
 * it is done every 10 seconds, or as rarely as takes 0.025 % of the time.
 */
final class TcpStates {
    private static final long EVERY = 10_000_000_000L;
    private static final long REST = 4_000;
    /** Bytes of both files together. */
    private static final long LIMIT = 6 << 20;

    /** States in the kernel's net/tcp_states.h. */
    private static final int SYN_SENT = 2;

    private static final int SYN_RECEIVED = 3;
    private static final int FIN_WAIT_1 = 4;
    private static final int FIN_WAIT_2 = 5;
    private static final int CLOSE_WAIT = 8;
    private static final int LISTEN = 10;

    private final int[] counts = new int[16];
    private final String tcp;
    private final String tcp6;
    private final Text text;
    private boolean counted;
    private boolean asked;
    private long due;

    TcpStates(HostRoots roots, Text text) {
        tcp = roots.proc() + "/net/tcp";
        tcp6 = roots.proc() + "/net/tcp6";
        this.text = text;
    }

    /**
     * Counts anew when it is time.
     *
     * @param few false while there are too many sockets to be listed
     * @param six whether there is any socket of IPv6
     */
    void sample(boolean few, boolean six) {
        if (!few) {
            counted = false;
            return;
        }
        long start = System.nanoTime();
        if (asked && start - due < 0) {
            return;
        }
        for (int i = 0; i < counts.length; i++) {
            counts[i] = 0;
        }
        long read = count(tcp, LIMIT);
        // Without IPv6 there is no second file.
        long all = read < 0 || !six ? read : read + Math.max(0, count(tcp6, LIMIT - read));
        counted = read >= 0 && all < LIMIT;
        asked = true;
        long end = System.nanoTime();
        due = end + Math.max(EVERY - 500_000_000L, (end - start) * REST);
    }

    void fill(HostTcp event) {
        if (counted) {
            event.synSent = counts[SYN_SENT];
            event.synReceived = counts[SYN_RECEIVED];
            event.finWait = counts[FIN_WAIT_1] + counts[FIN_WAIT_2];
            event.closeWait = counts[CLOSE_WAIT];
            event.listening = counts[LISTEN];
        }
    }

    /** Bytes read, {@code limit} when there were more, or -1 when it cannot be read. */
    private long count(String path, long limit) {
        try (RandomAccessFile file = new RandomAccessFile(path, "r")) {
            text.clear();
            long read = 0;
            boolean heading = true;
            for (int more; (more = text.fillFurther(file)) > 0; ) {
                read += more;
                if (read >= limit) {
                    return limit;
                }
                heading = countLines(heading);
            }
            return read;
        } catch (IOException unreadable) {
            return -1;
        }
    }

    /** Counts the lines that are there in full, and leaves the cursor at the one that is not. */
    private boolean countLines(boolean heading) {
        boolean skip = heading;
        while (true) {
            int start = text.cursor();
            int end = text.lineEnd();
            if (end == text.length()) {
                text.moveTo(start);
                return skip;
            }
            if (!skip) {
                // sl, local and remote address, then the state in two hexadecimal digits.
                text.skipField();
                text.skipField();
                text.skipField();
                int state = text.hexadecimal();
                if (state >= 0 && state < counts.length) {
                    counts[state]++;
                }
            }
            skip = false;
            text.moveTo(end + 1);
        }
    }
}
