package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Reads one chunk of a flight recording as it grows: at each flush only the bytes that are new.
 *
 * <p><b>Two passes.</b> Of each segment the metadata and the checkpoints are read first, then the events, because
 * constants may stand after the events that refer to them. Events go to the sink in the order of the chunk.
 *
 * <p><b>Waiting.</b> An event whose type, or a constant it refers to directly, is still unknown at a flush is kept and
 * handed on by the next read, before the events of that segment. What is unknown even then is null (an event without a
 * type is dropped) and counted by {@link #unresolved()}. Nothing waits when the header says that the chunk is finished.
 *
 * <p><b>What equals what.</b> Let cut k be the chunk's bytes up to the k-th flush with the header of that flush. An event
 * handed on by the k-th read equals, field by field and nested ones included, the event at the same place that
 * {@code jdk.jfr.consumer.RecordingFile} reads from cut k. Each event of cut k that is not in cut k-1 is handed on
 * exactly once, by read k or read k+1. One read of a finished chunk equals {@code RecordingFile} on it. A constant that
 * another constant refers to and that comes with a later checkpoint (the class loader of a class, say) is null in the
 * events handed on before, as it is in that cut.
 *
 * <p><b>Threads and errors.</b> Not thread-safe. After any exception, the sink's included, the reader is spent: make a
 * new one and start at the chunk's beginning. Malformed bytes and bytes beyond the {@link Limits} give a
 * {@link JfrFormatException}; time and memory are bounded by the size of the segment and the limits.
 *
 * @see <a href="https://openjdk.org/jeps/349">JEP 349, JFR event streaming</a>
 */
public final class ChunkReader {
    private static final int METADATA = 0;
    private static final int CHECKPOINT = 1;

    private final Limits limits;
    private final Predicate<String> wantedTypes;
    private final boolean stackTraces;

    private @Nullable Chunk chunk;
    private final LongMap<Event> views = new LongMap<>();
    private final List<Waiting> waiting = new ArrayList<>();
    private long waitingBytes;
    private long parsedTo;
    private long lastMetadata;
    private long dropped;
    private boolean spent;

    /** What the first header decides. */
    private record Chunk(ChunkHeader first, Constants constants, Metadata metadata) {}

    private record Waiting(long typeId, long offset, byte[] bytes) {}

    /**
     * A reader that hands on stack traces.
     *
     * @param wantedTypes takes the name of an event type; events of other types are skipped, and so are constants that
     *     no wanted type leads to
     */
    public ChunkReader(Limits limits, Predicate<String> wantedTypes) {
        this(limits, wantedTypes, true);
    }

    /**
     * A reader that may do without stack traces.
     *
     * @param stackTraces false: every stack trace is null and not counted, and stacks and methods, which make up most of
     *     the constants, are not kept
     */
    public ChunkReader(Limits limits, Predicate<String> wantedTypes, boolean stackTraces) {
        this.limits = limits;
        this.wantedTypes = wantedTypes;
        this.stackTraces = stackTraces;
    }

    /**
     * Reads the next segment.
     *
     * @param header the header at this flush
     * @param bytes the chunk's bytes {@code [parsedTo(), header.chunkSize())}, so that the first call's include the
     *     header; not kept
     * @throws JfrFormatException for malformed bytes; events before them may have been handed on already
     */
    public void read(ChunkHeader header, byte[] bytes, EventSink sink) throws JfrFormatException {
        run(() -> readSegment(header, bytes, sink));
    }

    /** Hands on what still waits, when it is known that nothing more comes: the JVM was killed, say. */
    public void finish(EventSink sink) throws JfrFormatException {
        Chunk chunk = this.chunk;
        if (chunk != null) {
            run(() -> handOnWaiting(chunk, chunk.first, sink));
        }
    }

    /** Bytes of the chunk read so far: where the next segment starts. */
    public long parsedTo() {
        return parsedTo;
    }

    /** How many constants did not come in time and were handed on as null. */
    public long unresolved() {
        return chunk == null ? 0 : chunk.constants.unresolved() + dropped;
    }

    /** Roughly the bytes kept for the next read: constants, waiting events and types. */
    public long retainedBytes() {
        return chunk == null ? 0 : chunk.constants.retained() + waitingBytes;
    }

    private interface Step {
        void run() throws JfrFormatException;
    }

    private void run(Step step) throws JfrFormatException {
        if (spent) {
            throw new IllegalStateException("this reader failed before; start the chunk again with a new one");
        }
        spent = true;
        try {
            step.run();
        } catch (Event.Malformed carried) {
            throw carried.error;
        } finally {
            if (chunk != null) {
                chunk.constants.dropDecoded();
            }
            views.forEach(Event::drop);
        }
        spent = false;
    }

    private void readSegment(ChunkHeader header, byte[] bytes, EventSink sink) throws JfrFormatException {
        check(header, bytes);
        boolean start = parsedTo == 0;
        Chunk chunk = this.chunk;
        if (chunk == null) {
            Constants constants = new Constants(limits, header.isCompressed());
            chunk = new Chunk(header, constants, new Metadata(limits, wantedTypes, stackTraces, constants));
            this.chunk = chunk;
        }
        chunk.constants.startRead(bytes.length);
        Bytes in = new Bytes(header.isCompressed(), bytes, start ? ChunkHeader.SIZE : 0, bytes.length, parsedTo);
        readDefinitions(chunk, header, in);
        if (bytes.length > 0 || header.isFinished()) {
            handOnWaiting(chunk, header, sink);
        }
        in.set(bytes, start ? ChunkHeader.SIZE : 0, bytes.length, parsedTo);
        readEvents(chunk, header, in, sink);
        parsedTo = header.chunkSize();
    }

    private void check(ChunkHeader header, byte[] bytes) throws JfrFormatException {
        ChunkHeader before = chunk == null ? null : chunk.first;
        if (before != null && !isOfSameChunk(header, before)) {
            throw new JfrFormatException("a segment of another chunk", 0);
        }
        if (header.chunkSize() - parsedTo != bytes.length) {
            throw new JfrFormatException(
                    "the segment has " + bytes.length + " bytes where " + (header.chunkSize() - parsedTo) + " are due",
                    parsedTo);
        }
        if (parsedTo == 0 && !isOfSameChunk(ChunkHeader.parse(bytes), header)) {
            throw new JfrFormatException("the first bytes are the header of another chunk", 0);
        }
    }

    /** Compares what a JVM writes once; that the chunk is its recording's last is known at its end only. */
    private static boolean isOfSameChunk(ChunkHeader a, ChunkHeader b) {
        return a.startNanos() == b.startNanos()
                && a.startTicks() == b.startTicks()
                && a.ticksPerSecond() == b.ticksPerSecond()
                && a.isCompressed() == b.isCompressed();
    }

    private void readDefinitions(Chunk chunk, ChunkHeader header, Bytes in) throws JfrFormatException {
        int[] checkpoints = new int[16];
        int checkpointCount = 0;
        int segmentEnd = in.end;
        while (in.pos < segmentEnd) {
            int start = in.pos;
            int eventEnd = readEnd(in, segmentEnd);
            long typeId = in.readLong();
            if (typeId == METADATA) {
                in.end = eventEnd;
                chunk.metadata.read(in);
                lastMetadata = in.base + start;
            } else if (typeId == CHECKPOINT) {
                if (checkpointCount == checkpoints.length) {
                    checkpoints = Arrays.copyOf(checkpoints, checkpointCount * 2);
                }
                checkpoints[checkpointCount++] = start;
            }
            in.pos = eventEnd;
            in.end = segmentEnd;
        }
        if (header.metadataOffset() != lastMetadata) {
            throw new JfrFormatException("no metadata event where the header says", header.metadataOffset());
        }
        for (int i = 0; i < checkpointCount; i++) {
            in.pos = checkpoints[i];
            in.end = segmentEnd;
            in.end = readEnd(in, segmentEnd);
            in.readLong();
            chunk.constants.readCheckpoint(in, chunk.metadata.layouts);
        }
    }

    /** Reads an event's size and returns where the event ends. */
    private static int readEnd(Bytes in, int segmentEnd) throws JfrFormatException {
        int start = in.pos;
        int size = in.readInt();
        if (size <= in.pos - start || size > segmentEnd - start) {
            in.pos = start;
            throw in.malformed("an event of " + size + " bytes where " + (segmentEnd - start) + " are left");
        }
        return start + size;
    }

    private void readEvents(Chunk chunk, ChunkHeader header, Bytes in, EventSink sink) throws JfrFormatException {
        Constants constants = chunk.constants;
        int segmentEnd = in.end;
        Event view = null;
        long viewId = -1;
        while (in.pos < segmentEnd) {
            int start = in.pos;
            int eventEnd = readEnd(in, segmentEnd);
            in.end = eventEnd;
            long typeId = in.readLong();
            in.end = segmentEnd;
            if (typeId != METADATA && typeId != CHECKPOINT) {
                Metadata.EventLayout layout = chunk.metadata.events.get(typeId);
                if (layout == null) {
                    if (!await(chunk, header, typeId, in, start, eventEnd)) {
                        dropped++;
                    }
                } else if (layout.isWanted()) {
                    if (eventEnd - start > limits.eventBytes()) {
                        throw in.malformed(
                                "an event of " + (eventEnd - start) + " bytes, the limit is " + limits.eventBytes());
                    }
                    if (view == null || viewId != typeId) {
                        view = view(chunk, typeId, layout);
                        viewId = typeId;
                    }
                    int missing = view.scan(header, in.data, in.pos, eventEnd, in.base);
                    if (missing == 0 || !await(chunk, header, typeId, in, start, eventEnd)) {
                        constants.countUnresolved(missing);
                        constants.startEvent(in);
                        sink.event(view.type(), in.base + start, view);
                    }
                }
            }
            in.pos = eventEnd;
        }
    }

    private Event view(Chunk chunk, long typeId, Metadata.EventLayout layout) {
        Event view = views.get(typeId);
        if (view == null || view.type() != layout.type()) {
            view = new Event(layout.type(), layout.layout(), chunk.constants, chunk.first);
            views.put(typeId, view);
        }
        return view;
    }

    /** Keeps an event for the next read; false when that is not to be, or would be too much. */
    private boolean await(Chunk chunk, ChunkHeader header, long typeId, Bytes in, int start, int end) {
        if (header.isFinished() || chunk.constants.retained() + waitingBytes + end - start > limits.retainedBytes()) {
            return false;
        }
        byte[] bytes = Arrays.copyOfRange(in.data, in.pos, end);
        waiting.add(new Waiting(typeId, in.base + start, bytes));
        waitingBytes += end - start;
        return true;
    }

    private void handOnWaiting(Chunk chunk, ChunkHeader header, EventSink sink) throws JfrFormatException {
        Bytes at = new Bytes(header.isCompressed(), new byte[0], 0, 0, Bytes.NO_BASE);
        for (Waiting event : waiting) {
            Metadata.EventLayout layout = chunk.metadata.events.get(event.typeId);
            if (layout == null) {
                dropped++;
            } else if (layout.isWanted()) {
                Event view = view(chunk, event.typeId, layout);
                chunk.constants.countUnresolved(view.scan(header, event.bytes, 0, event.bytes.length, Bytes.NO_BASE));
                chunk.constants.startEvent(at);
                sink.event(view.type(), event.offset, view);
            }
        }
        waiting.clear();
        waitingBytes = 0;
    }
}
