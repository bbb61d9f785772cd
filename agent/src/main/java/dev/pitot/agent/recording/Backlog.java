package dev.pitot.agent.recording;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The chunks of one JVM, oldest first, that can still be sent, and what of it never can be. Holds file positions only. Every
 * method is safe on any thread and none calls into JFR, so it may be used inside JFR's own locks.
 */
public final class Backlog {
    /** Open files at most; a rotation every second for a minute. */
    private static final int MAX_UNSHIPPED = 64;
    /** Refusals (400, 413) of one chunk in a row after which it is given up. */
    private static final int MAX_REFUSALS = 5;
    /** Pieces named in one request; more wait for the next. */
    private static final int MAX_LOST = 200;

    /** Shipped chunks that are remembered, in case the collector loses its store; the collector takes no list of more than 1024. */
    private static final int MAX_SHIPPED = 200;

    /** Pieces remembered at most while the collector is away for days; the oldest are forgotten. */
    private static final int MOST_LOST = 2_000;

    private final List<Chunk> chunks = new ArrayList<>();
    private final List<String> lost = new ArrayList<>();
    private @Nullable Chunk posting;
    private boolean closed;

    synchronized void add(Chunk chunk) {
        if (closed) {
            chunk.close();
            return;
        }
        int at = chunks.size();
        while (at > 0 && chunks.get(at - 1).startNanos() > chunk.startNanos()) {
            at--;
        }
        chunks.add(at, chunk);
    }

    synchronized void look() {
        for (Chunk chunk : chunks) {
            chunk.look();
        }
    }

    /** The oldest chunk with settled bytes that are not durable, or null when there is none or it cannot be read right now. */
    public synchronized @Nullable Chunk next() {
        for (Iterator<Chunk> each = chunks.iterator(); each.hasNext(); ) {
            Chunk chunk = each.next();
            if (chunk.durable() < chunk.size()) {
                switch (chunk.access()) {
                    case READABLE -> {
                        return chunk;
                    }
                    case LATER -> {
                        return null;
                    }
                    default -> {
                        each.remove();
                        giveUp(chunk);
                    }
                }
            }
        }
        return null;
    }

    /** The same, and {@link #trim} leaves it alone until {@link #posted}. */
    public synchronized @Nullable Chunk post() {
        posting = next();
        return posting;
    }

    /** Nothing is under way any more. */
    public synchronized void posted() {
        posting = null;
    }

    /** Whether something is worth sending before its time: a finished chunk, which JFR may delete, or so many bytes. */
    public synchronized boolean presses(long bytes) {
        long waiting = 0;
        for (Chunk chunk : chunks) {
            long unshipped = chunk.size() - chunk.durable();
            if (unshipped > 0 && chunk.isFinished()) {
                return true;
            }
            waiting += Math.max(0, unshipped);
        }
        return waiting > bytes;
    }

    /**
     * Whether nothing is left to send.
     *
     * @param only but of this chunk
     */
    public synchronized boolean isLast(@Nullable Chunk only) {
        for (Chunk chunk : chunks) {
            if (chunk != only && chunk.durable() < chunk.size()) {
                return false;
            }
        }
        return true;
    }

    /** Whether every chunk is finished: after the recording's end nothing more comes. */
    public synchronized boolean isFinished() {
        for (Chunk chunk : chunks) {
            if (!chunk.isFinished()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Value of {@code have}: {@code name:size:state} of what can be sent; {@link #trim} bounds it to some 264 names, {@link Leftovers} to
     * some 600.
     */
    public synchronized String have() {
        StringBuilder text = new StringBuilder();
        for (Iterator<Chunk> each = chunks.iterator(); each.hasNext(); ) {
            Chunk chunk = each.next();
            if (!chunk.exists()) {
                each.remove();
                giveUp(chunk);
                continue;
            }
            if (text.length() > 0) {
                text.append(',');
            }
            text.append(chunk.name())
                    .append(':')
                    .append(chunk.size())
                    .append(':')
                    .append(chunk.isFinished() ? "final" : "open");
        }
        return text.toString();
    }

    /** Names and states of the chunks, to see whether {@link #have} is worth repeating. */
    public synchronized String shape() {
        StringBuilder text = new StringBuilder();
        for (Chunk chunk : chunks) {
            text.append(chunk.name()).append(chunk.isFinished() ? 'f' : 'o');
        }
        return text.toString();
    }

    /** Value of {@code lost} for the next request; empty when there is nothing to report. */
    public synchronized String lost() {
        return String.join(",", lost.subList(0, Math.min(lost.size(), MAX_LOST)));
    }

    /** The collector has taken the report that {@link #lost} gave. */
    public synchronized void lostIsKnown(String reported) {
        if (!reported.isEmpty()) {
            lost.removeAll(List.of(reported.split(",")));
        }
    }

    /** The collector has the chunk's bytes below {@code offset}; less than before when it has lost its store. */
    public synchronized void durable(String name, long offset) {
        for (Iterator<Chunk> each = chunks.iterator(); each.hasNext(); ) {
            Chunk chunk = each.next();
            if (chunk.name().equals(name)) {
                chunk.durable(offset);
                // Not opened for it: a reply may name hundreds, and each is opened when its turn comes.
                if (offset < chunk.size() && !chunk.exists()) {
                    each.remove();
                    giveUp(chunk);
                }
                return;
            }
        }
    }

    /** The collector refuses this chunk as malformed; it must not hold up those behind it for ever. */
    public synchronized void refused(Chunk chunk) {
        if (chunk.refused() >= MAX_REFUSALS && chunks.remove(chunk)) {
            giveUp(chunk);
        }
    }

    /**
     * Gives up the oldest chunks beyond the limits, and forgets shipped ones that JFR has deleted or that are too many. The newest
     * chunk always stays, and so does the one under way.
     *
     * @param maxSize bytes that are not durable yet; and, counted apart, bytes on disk that only our open files keep there
     * @return whether something was given up
     */
    public synchronized boolean trim(long maxSize, Duration maxAge) {
        int shipped = 0;
        for (int i = chunks.size() - 1; i >= 0; i--) {
            Chunk chunk = chunks.get(i);
            if (chunk.isShipped() && (++shipped > MAX_SHIPPED || !chunk.exists())) {
                chunks.remove(i);
            }
        }
        long bytes = 0;
        long unlinked = 0;
        int unshipped = 0;
        for (Chunk chunk : chunks) {
            if (!chunk.isShipped()) {
                bytes += Math.max(0, chunk.size() - chunk.durable());
                unlinked += chunk.isUnlinked() ? chunk.size() : 0;
                unshipped++;
            }
        }
        long oldest = System.currentTimeMillis() * 1_000_000 - maxAge.toNanos();
        boolean any = false;
        for (int i = 0; i < chunks.size() - 1; ) {
            Chunk chunk = chunks.get(i);
            boolean isUnlinked = unlinked > maxSize && chunk.isUnlinked();
            boolean beyond = bytes > maxSize || isUnlinked || unshipped > MAX_UNSHIPPED || chunk.endNanos() < oldest;
            if (chunk.isShipped() || !beyond || chunk == posting) {
                i++;
                continue;
            }
            bytes -= Math.max(0, chunk.size() - chunk.durable());
            unlinked -= isUnlinked ? chunk.size() : 0;
            unshipped--;
            chunks.remove(i);
            giveUp(chunk);
            any = true;
        }
        return any;
    }

    /** Gives up the oldest chunks until at most so many bytes are to be sent. */
    synchronized void keepNewest(long maxSize) {
        long bytes = 0;
        for (int i = chunks.size() - 1; i >= 0; i--) {
            Chunk chunk = chunks.get(i);
            bytes += Math.max(0, chunk.size() - chunk.durable());
            if (bytes > maxSize && chunk.durable() < chunk.size()) {
                chunks.remove(i);
                giveUp(chunk);
            }
        }
    }

    /** Reports a chunk that was never added. */
    synchronized void lose(Chunk chunk) {
        giveUp(chunk);
    }

    private void giveUp(Chunk chunk) {
        chunk.close();
        if (chunk.durable() < chunk.size() || !chunk.isFinished()) {
            if (lost.size() >= MOST_LOST) {
                lost.remove(0);
            }
            lost.add(chunk.name() + ":" + chunk.durable() + ":" + (chunk.isFinished() ? chunk.size() : ""));
        }
    }

    /** Closes every file, now and of chunks still to come. */
    public synchronized void close() {
        closed = true;
        chunks.forEach(Chunk::close);
        chunks.clear();
    }
}
