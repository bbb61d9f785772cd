package dev.pitot.web.flight;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** The chunks of a {@code .jfr} file, told apart by their start, and the events of each as the JDK reads them. */
final class Chunks {
    private Chunks() {}

    /** Bytes of each chunk by its startNanos, in file order. */
    static Map<Long, byte[]> split(Path recording) throws IOException {
        byte[] all = Files.readAllBytes(recording);
        Map<Long, byte[]> chunks = new LinkedHashMap<>();
        int at = 0;
        while (at < all.length) {
            ByteBuffer header = ByteBuffer.wrap(all, at, 68);
            if (header.getInt() != 0x464c5200) {
                throw new IOException("No chunk header at byte " + at + " of " + recording);
            }
            int size = Math.toIntExact(header.getLong(at + 8));
            long startNanos = header.getLong(at + 32);
            byte[] chunk = new byte[size];
            System.arraycopy(all, at, chunk, 0, size);
            chunks.put(startNanos, chunk);
            at += size;
        }
        return chunks;
    }

    /** Events of one chunk. */
    static List<RecordedEvent> events(byte[] chunk) throws IOException {
        Path file = Files.createTempFile("chunk", ".jfr");
        try {
            Files.write(file, chunk);
            return RecordingFile.readAllEvents(file);
        } finally {
            Files.delete(file);
        }
    }

    /** How often each event occurs: type, start and every field, as text. */
    static Map<String, Integer> multiset(List<RecordedEvent> events) {
        Map<String, Integer> counts = new HashMap<>();
        for (RecordedEvent event : events) {
            counts.merge(event.getEventType().getName() + " " + event.getStartTime() + " " + event, 1, Integer::sum);
        }
        return counts;
    }

    static List<RecordedEvent> allEvents(Iterable<byte[]> chunks) throws IOException {
        List<RecordedEvent> events = new ArrayList<>();
        for (byte[] chunk : chunks) {
            events.addAll(events(chunk));
        }
        return events;
    }
}
