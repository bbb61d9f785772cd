package dev.pitot.agent.recording;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * One chunk file and how much of it is durable at the collector. While it is not shipped its file stays open, because an
 * open file can be read after JFR has deleted it. All methods but {@link #read} need the lock of the {@link Backlog}.
 */
public final class Chunk {
    /** Whether the bytes of a chunk can be had. */
    enum Access {
        READABLE,
        /** The JVM is about to change the header, or the file system failed for once: look again. */
        LATER,
        GONE
    }

    /** The same, so many times in a row, is for ever. */
    private static final int MOST_LATERS = 50;

    private final String name;
    private final Path file;
    private final long startNanos;
    private volatile @Nullable FileChannel channel;
    private @Nullable ChunkHeader boundary;
    private boolean finished;
    private long durable;
    private int refusals;
    private int laters;
    /** Its JVM was killed: nobody writes to it, whatever its header says. */
    private final boolean leftBehind;

    Chunk(Path file, FileChannel channel, ChunkHeader header) {
        this(file, channel, header, false);
    }

    private Chunk(Path file, @Nullable FileChannel channel, ChunkHeader header, boolean leftBehind) {
        this.file = file;
        this.channel = channel;
        this.name = header.name();
        this.startNanos = header.startNanos();
        this.leftBehind = leftBehind;
        settle(header);
    }

    /** A chunk of a JVM that was killed; its file is opened when it is its turn. */
    static Chunk leftBehind(Path file, ChunkHeader header) {
        return new Chunk(file, null, header, true);
    }

    /** A header whose chunkSize is 68 says that nothing was flushed yet: no boundary. */
    private void settle(ChunkHeader header) {
        if (header.size() > ChunkHeader.LENGTH) {
            boundary = header;
        }
        finished |= header.isFinished();
    }

    /** Looks for a newer flush boundary; costs two reads of 68 bytes. */
    void look() {
        FileChannel open = channel;
        if (finished || open == null) {
            return;
        }
        if (!open.isOpen()) {
            open = access() == Access.READABLE ? channel : null;
            if (open == null) {
                return;
            }
        }
        try {
            ChunkHeader header = ChunkHeader.settled(open);
            if (header != null && header.name().equals(name)) {
                settle(header);
            }
        } catch (IOException unreadable) {
            // Looked at again with the next tick; a chunk that stays unreadable ends by the backlog's limits.
        }
    }

    public String name() {
        return name;
    }

    Path file() {
        return file;
    }

    /** The last flush boundary, or null when nothing is settled yet. */
    public @Nullable ChunkHeader boundary() {
        return boundary;
    }

    /** Number of settled bytes. */
    public long size() {
        ChunkHeader header = boundary;
        return header == null ? 0 : header.size();
    }

    public long durable() {
        return durable;
    }

    public boolean isFinished() {
        return finished;
    }

    boolean isShipped() {
        return finished && durable >= size();
    }

    void durable(long offset) {
        if (offset > durable) {
            refusals = 0;
        }
        durable = offset;
        if (isShipped()) {
            close();
        }
    }

    int refused() {
        return ++refusals;
    }

    /** Nanoseconds since the epoch at which the chunk ended, as far as it is known. */
    long endNanos() {
        ChunkHeader header = boundary;
        return header == null ? startNanos : startNanos + header.durationNanos();
    }

    long startNanos() {
        return startNanos;
    }

    /** Whether its bytes can be read, opening the file again when it was closed as shipped. */
    Access access() {
        FileChannel present = channel;
        // Closed by nobody here: a thread that was interrupted while it read.
        if (present != null && present.isOpen()) {
            return Access.READABLE;
        }
        Access access = open();
        if (access == Access.LATER && ++laters > MOST_LATERS) {
            return Access.GONE;
        }
        laters = access == Access.LATER ? laters : 0;
        return access;
    }

    private Access open() {
        FileChannel open;
        try {
            open = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException deleted) {
            return Access.GONE;
        } catch (IOException unreadable) {
            return Access.LATER;
        }
        Access access = Access.LATER;
        try {
            ChunkHeader header = leftBehind ? ChunkHeader.leftBehind(open) : ChunkHeader.settled(open);
            if (header != null && header.name().equals(name)) {
                channel = open;
                return Access.READABLE;
            }
            // Another name: JFR has deleted the file and used its name again.
            access = header == null ? Access.LATER : Access.GONE;
        } catch (IOException unreadable) {
            // Perhaps for once.
        }
        close(open);
        return access;
    }

    /** Whether JFR has deleted the file, whose room on the disk only our open file still keeps. */
    boolean isUnlinked() {
        return channel != null && !Files.exists(file);
    }

    /** Whether it is or could be open, without opening it. */
    boolean exists() {
        return channel != null || Files.exists(file);
    }

    /**
     * Fills the buffer from the chunk's bytes; safe on any thread.
     *
     * @throws IOException also when the chunk was given up meanwhile
     */
    public void read(ByteBuffer buffer, long position) throws IOException {
        FileChannel open = channel;
        if (open == null) {
            throw new IOException("chunk " + name + " is closed");
        }
        long at = position;
        while (buffer.hasRemaining()) {
            int n = open.read(buffer, at);
            if (n < 0) {
                throw new IOException("chunk " + name + " ends at " + at + " and not at " + size());
            }
            at += n;
        }
    }

    void close() {
        FileChannel open = channel;
        channel = null;
        if (open != null) {
            close(open);
        }
    }

    private static void close(FileChannel open) {
        try {
            open.close();
        } catch (IOException ignored) {
            // Opened for reading only: nothing can be lost.
        }
    }
}
