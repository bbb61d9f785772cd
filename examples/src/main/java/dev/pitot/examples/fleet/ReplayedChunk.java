package dev.pitot.examples.fleet;

import java.util.List;

/**
 * A captured chunk that happens again: its segments come to be at the times at which they did, seen from its new start. Holds no
 * bytes but those captured. One thread.
 */
final class ReplayedChunk {
    private final Flight flight;
    private final double speed;
    private final long startMillis;
    private final long startNanos;
    private final String name;
    private int last;
    /** What the collector has of it. */
    long durable;
    /** The collector was told that this is all. */
    boolean told;

    /**
     * @param startMillis since the epoch
     * @param last number of its last segment
     * @param speed how many times as fast as it was
     */
    ReplayedChunk(Flight flight, long startMillis, int last, double speed) {
        this.flight = flight;
        this.speed = speed;
        this.startMillis = startMillis;
        this.last = last;
        byte[] header = flight.segments().get(0).header();
        // Two chunks of a JVM never begin in the same nanosecond, and they need not begin on a millisecond.
        startNanos = startMillis * 1_000_000 + Math.floorMod(Flight.startNanos(header), 1_000_000L);
        name = startNanos + "." + Flight.startTicks(header);
    }

    String name() {
        return name;
    }

    /** When its last segment is there, milliseconds since the epoch. */
    long endMillis() {
        return startMillis + (long) (flight.segments().get(last).millis() / speed);
    }

    /** Number of the newest segment that is there, -1 for none. */
    int newest(long now) {
        List<Flight.Segment> segments = flight.segments();
        int low = -1;
        int high = last;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (startMillis + (long) (segments.get(middle).millis() / speed) <= now) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    boolean isFinished(long now) {
        return newest(now) == last;
    }

    /** Bytes that are there. */
    long size(long now) {
        int newest = newest(now);
        return newest < 0 ? 0 : flight.segments().get(newest).size();
    }

    /** Whether something of it is to be sent: bytes, or that there are no more. */
    boolean waits(long now) {
        return size(now) > durable || isFinished(now) && !told;
    }

    /** Ends it with what is there, at least one segment. */
    void cut(long now) {
        last = Math.max(0, newest(now));
    }

    /** The header that the bytes which are there lead to. */
    byte[] header(long now) {
        int newest = newest(now);
        return Flight.moved(flight.segments().get(newest).header(), startNanos, speed, newest == last);
    }

    /** Bytes of the chunk, its header as it is now. */
    byte[] read(long offset, int length, byte[] header) {
        byte[] bytes = new byte[length];
        System.arraycopy(flight.bytes(), (int) offset, bytes, 0, length);
        if (offset < Flight.HEADER) {
            System.arraycopy(header, (int) offset, bytes, 0, (int) Math.min(length, Flight.HEADER - offset));
        }
        return bytes;
    }
}
