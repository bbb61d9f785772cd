package dev.pitot.web.ingest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;

/** One recording after the other, each as if of another JVM: it fills a disk. One thread. */
public final class SmallDiskFeed {
    private final Flight recorded;
    private final List<Taken> taken = new ArrayList<>();
    private Flight flight;
    private List<Flight.Part> parts = List.of();
    private int next;
    private long posts;

    /** Bytes of a JVM that were acknowledged. */
    public record Taken(UUID jvm, long bytes) {}

    /** Posts a body and returns the status. */
    public interface Line {
        int post(byte[] body) throws IOException, InterruptedException;
    }

    public SmallDiskFeed(Path folder) throws Exception {
        recorded = Flight.record(folder, 2, 20, 1);
        flight = recorded;
    }

    /** The next part, which is the same one again as long as it is not taken. */
    public int post(Line line) throws IOException, InterruptedException {
        if (next == parts.size()) {
            flight = recorded.as(UUID.randomUUID());
            parts = flight.parts(new Random(posts));
            next = 0;
            taken.add(new Taken(flight.jvm(), 0));
        }
        Flight.Part part = parts.get(next);
        int status = line.post(flight.body(part, next == 0 ? flight.hello() : ""));
        posts++;
        if (status == 200) {
            next++;
            Taken last = taken.remove(taken.size() - 1);
            taken.add(new Taken(last.jvm(), last.bytes() + part.length()));
        }
        return status;
    }

    public long posts() {
        return posts;
    }

    /** What was acknowledged. */
    public List<Taken> taken() {
        return taken.stream().filter(one -> one.bytes() > 0).toList();
    }
}
