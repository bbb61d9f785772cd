package dev.pitot.web.store;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says what may still be stored as the database's disk fills. Below the reserve, single events and metric blocks are left out, as
 * they are the bulk and can be had from the recordings; below half of it, or when PostgreSQL itself had no room, nothing is taken
 * from agents, which keep what they have. PostgreSQL must never meet a full disk: it would stop, and need room to start again.
 *
 * <p>Any thread asks; one thread looks.
 */
public final class DiskGuard {
    /** What there is room for. */
    public enum Room {
        /** Everything. */
        ENOUGH,
        /** Recordings and the minutes, quarters and hours. */
        LOW,
        /** Nothing. */
        FULL
    }

    public static final long LEAST_RESERVE = 64L << 20;

    private static final Logger LOG = LoggerFactory.getLogger(DiskGuard.class);
    private static final long DEFAULT_RESERVE = 1L << 30;
    private static final double DEFAULT_SHARE = 0.05;
    /** PostgreSQL had no room: it is not asked again for so long. */
    private static final long FULL_NANOS = TimeUnit.SECONDS.toNanos(30);
    /** And for so long it gets no more than it must. */
    private static final long LOW_NANOS = TimeUnit.MINUTES.toNanos(5);
    /** Of the reserve, so that a disk at the mark does not go on and off. */
    private static final double MORE = 0.1;

    private static final String NO_ROOM = "53100";

    /** Free bytes of a disk. */
    public interface Disk {
        long free() throws IOException;
    }

    /**
     * A time in which something was left out.
     *
     * @param from milliseconds since the epoch
     * @param to -1 while it lasts
     * @param events single events that were not stored
     * @param blocks metric blocks, each a minute of one metric, that were not stored
     * @param posts posts of agents that were refused, and sent again later
     */
    public record Gap(long from, long to, long events, long blocks, long posts) {}

    private final @Nullable Disk disk;
    private final long reserve;
    private final LongSupplier nanos;
    private final LongAdder events = new LongAdder();
    private final LongAdder blocks = new LongAdder();
    private final LongAdder posts = new LongAdder();
    private volatile Room room = Room.ENOUGH;
    private volatile long free = -1;
    private volatile long since;
    private boolean refused;
    private long refusedAt;
    private boolean blind;

    /**
     * @param disk null when only the database knows
     * @param reserve bytes that are to stay free
     * @param nanos a clock that does not jump
     */
    public DiskGuard(@Nullable Disk disk, long reserve, LongSupplier nanos) {
        this.disk = disk;
        this.reserve = reserve;
        this.nanos = nanos;
    }

    /** Of a database elsewhere: only its own word tells that its disk is full. */
    public static DiskGuard elsewhere() {
        return new DiskGuard(null, 0, System::nanoTime);
    }

    /**
     * Of the disk that a folder lies on.
     *
     * @param reserve bytes that are to stay free; empty for 1 GB, or 5 % of the disk where that is more
     */
    public static DiskGuard of(Path folder, OptionalLong reserve) throws IOException {
        FileStore store = Files.getFileStore(folder);
        long bytes = reserve.isPresent()
                ? reserve.getAsLong()
                : Math.max(DEFAULT_RESERVE, (long) (store.getTotalSpace() * DEFAULT_SHARE));
        return new DiskGuard(store::getUsableSpace, bytes, System::nanoTime);
    }

    /** Whether posts of agents are taken. */
    public boolean takesPosts() {
        return room != Room.FULL;
    }

    /** Whether single events and metric blocks are stored. */
    public boolean takesDetail() {
        return room == Room.ENOUGH;
    }

    /** What there is room for, as of the last look. */
    public Room room() {
        return room;
    }

    /** So many were left out. */
    public void leftOut(long events, long blocks) {
        this.events.add(events);
        this.blocks.add(blocks);
    }

    /** One post was refused for want of room. */
    public void refusedPost() {
        posts.increment();
    }

    /** Looks whether PostgreSQL has refused something as its disk is full. */
    public void failed(@Nullable Throwable why) {
        for (Throwable e = why; e != null; e = e.getCause()) {
            if (e instanceof SQLException sql && NO_ROOM.equals(sql.getSQLState())) {
                synchronized (this) {
                    refused = true;
                    refusedAt = nanos.getAsLong();
                }
                become(Room.FULL);
                return;
            }
        }
    }

    /** Looks at the disk; {@link Storage} does so by itself. Often when it is nearly full: it may fill by hundreds of megabytes a second. */
    public void look() {
        long bytes = -1;
        try {
            bytes = disk == null ? -1 : disk.free();
            blind = false;
        } catch (IOException e) {
            if (!blind) {
                blind = true;
                LOG.warn("The free space of the database's disk is not known: {}", e.getMessage());
            }
        }
        free = bytes;
        Room byDisk = bytes < 0 ? Room.ENOUGH : byFree(bytes);
        Room byWord = byWord();
        become(byDisk.compareTo(byWord) > 0 ? byDisk : byWord);
    }

    private Room byFree(long bytes) {
        double mark = room == Room.ENOUGH ? reserve : reserve * (1 + MORE);
        double lowMark = room == Room.FULL ? reserve * (0.5 + MORE) : reserve * 0.5;
        return bytes < lowMark ? Room.FULL : bytes < mark ? Room.LOW : Room.ENOUGH;
    }

    private synchronized Room byWord() {
        long ago = nanos.getAsLong() - refusedAt;
        if (!refused || ago >= LOW_NANOS) {
            refused = false;
            return Room.ENOUGH;
        }
        return ago < FULL_NANOS ? Room.FULL : Room.LOW;
    }

    /** Whether the disk is so near to its reserve that it should be looked at each second. */
    boolean isNear() {
        return disk != null && free >= 0 && free < 3 * reserve;
    }

    private synchronized void become(Room next) {
        Room before = room;
        if (next == before) {
            return;
        }
        if (before == Room.ENOUGH) {
            since = System.currentTimeMillis();
        }
        room = next;
        String said = sentence();
        if (said != null) {
            LOG.warn(said);
        } else {
            LOG.info("The database's disk has room again: everything is stored.");
        }
    }

    /** What is off and what to do, for people; null when all is well. */
    public @Nullable String sentence() {
        Room now = room;
        if (now == Room.ENOUGH) {
            return null;
        }
        String why = free < 0 || free >= reserve
                ? "PostgreSQL says that its disk is full"
                : "The database's disk has " + size(free) + " left, and " + size(reserve) + " are to stay free";
        return why
                + (now == Room.FULL
                        ? ": nothing is stored, and agents keep what they measure as long as they can;"
                        : ": single events and metric samples by the second are not stored, recordings and minutes are;")
                + " make room on the disk, or shorten the retention.";
    }

    private static String size(long bytes) {
        return bytes < 1L << 30
                ? (bytes >> 20) + " MB"
                : String.format(Locale.ROOT, "%.1f GB", bytes / (double) (1L << 30));
    }

    /** Free bytes as of the last look, -1 when not known. */
    public long free() {
        return free;
    }

    /** Bytes that are to stay free, 0 when the disk is not this machine's. */
    public long reserve() {
        return reserve;
    }

    /** What is being left out now, or null. */
    public synchronized @Nullable Gap gap() {
        return room == Room.ENOUGH ? null : new Gap(since, -1, events.sum(), blocks.sum(), posts.sum());
    }

    /**
     * What was left out since the last call that gave it, once there is room again.
     *
     * @param all also when there is no room yet: the collector stops
     */
    synchronized @Nullable Gap takeGap(boolean all) {
        if (since == 0 || room != Room.ENOUGH && !all) {
            return null;
        }
        Gap gap = new Gap(
                since, System.currentTimeMillis(), events.sumThenReset(), blocks.sumThenReset(), posts.sumThenReset());
        since = room == Room.ENOUGH ? 0 : gap.to();
        return gap;
    }

    /** Puts back what {@link #takeGap} gave and could not be written down. */
    synchronized void putBack(Gap gap) {
        since = gap.from();
        events.add(gap.events());
        blocks.add(gap.blocks());
        posts.add(gap.posts());
    }
}
