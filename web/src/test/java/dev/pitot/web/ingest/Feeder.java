package dev.pitot.web.ingest;

import java.io.IOException;
import java.util.List;
import java.util.Random;

/** Sends a flight as an agent would: in order, from the offset that the last reply named, with a resync after each failure. */
final class Feeder {
    /** The way to the collector. */
    interface Line {
        Reply post(byte[] body) throws IOException;
    }

    private final Flight flight;
    private final List<Flight.Part> parts;
    private int next;
    private boolean resync = true;
    int posts;

    Feeder(Flight flight, Random random) {
        this.flight = flight;
        this.parts = flight.parts(random);
    }

    boolean isDone() {
        return next == parts.size() && !resync;
    }

    double progress() {
        return (double) next / parts.size();
    }

    /** One post. */
    Reply step(Line line) throws IOException {
        posts++;
        if (resync || next == parts.size()) {
            Reply reply = line.post(flight.heartbeat(flight.hello() + flight.have()));
            if (reply.status() == 200) {
                resync = false;
                next = wanted(reply);
            }
            return reply;
        }
        Reply reply;
        try {
            reply = line.post(flight.body(parts.get(next), posts % 7 == 0 ? flight.hello() : ""));
        } catch (IOException e) {
            resync = true;
            throw e;
        }
        if (reply.status() == 200) {
            next++;
        } else {
            resync = true;
        }
        return reply;
    }

    void run(Line line) throws IOException {
        while (!isDone()) {
            step(line);
        }
    }

    /** The first part that is not durable by a reply to a resync; durable offsets are always ends of parts. */
    private int wanted(Reply reply) {
        for (int i = 0; i < parts.size(); i++) {
            Flight.Part part = parts.get(i);
            if (durable(reply, flight.chunks().get(part.chunk()).name()) <= part.offset()) {
                return i;
            }
        }
        return parts.size();
    }

    static long durable(Reply reply, String chunk) {
        for (String line : reply.text().split("\n")) {
            if (line.startsWith("durable=")) {
                for (String entry : line.substring(8).split(",")) {
                    if (entry.startsWith(chunk + ":")) {
                        return Long.parseLong(entry.substring(chunk.length() + 1));
                    }
                }
            }
        }
        return -1;
    }
}
