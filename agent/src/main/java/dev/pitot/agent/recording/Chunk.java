package dev.pitot.agent.recording;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * One chunk file and how much of it is durable at the collector. While it is not shipped its file stays open, because an
 * open file can be read after JFR has deleted it. All methods but {@link #read} need the lock of the {@link Backlog}.
 */
public final class Chunk {
    private final String name;
    private final Path file;
    private final long startNanos;
    private volatile @Nullable FileChannel channel;
    private @Nullable ChunkHeader boundary;
    private boolean finished;
    private long durable;
    private int refusals;

    Chunk(Path file, FileChannel channel, ChunkHeader header) {
        this.file = file;
        this.channel = channel;
        this.name = header.name();
        this.startNanos = header.startNanos();
        settle(header);
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
            open = isReadable() ? channel : null;
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
    boolean isReadable() {
        FileChannel present = channel;
        // Closed by nobody here: a thread that was interrupted while it read.
        if (present != null && present.isOpen()) {
            return true;
        }
        try {
            FileChannel open = FileChannel.open(file, StandardOpenOption.READ);
            ChunkHeader header = ChunkHeader.settled(open);
            if (header != null && header.name().equals(name)) {
                channel = open;
                return true;
            }
            open.close();
        } catch (IOException gone) {
            // JFR has deleted it.
        }
        return false;
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
            try {
                open.close();
            } catch (IOException ignored) {
                // Opened for reading only: nothing can be lost.
            }
        }
    }
}
