package dev.pitot.examples.fleet;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.StringJoiner;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What one agent would send of a JVM that is not there, by the rules of {@code docs/spec/wire.md}: when the next post is due, what
 * is in it, and what becomes of the answer. Its JVM repeats a captured chunk for ever; the first one is cut short at random, so that
 * a fleet's chunks do not all end together. Times are milliseconds since the epoch. One thread.
 */
final class SimulatedAgent {
    private static final long FIRST_MILLIS = 1_000;
    private static final long MOST_BACKOFF = 60_000;
    private static final int MOST_FILES = 64;
    private static final int MOST_DONE = 16;
    private static final String NONE_YET = "none yet";

    private final UUID jvm;
    private final Flight flight;
    private final double speed;
    private final long mostBytes;
    private final long mostAge;
    private final Random random;
    private final Map<String, String> hello;
    private final Deque<ReplayedChunk> chunks = new ArrayDeque<>();
    private final List<String> lost = new ArrayList<>();

    private boolean helloWanted = true;
    private String toldShape = NONE_YET;
    private int conflicts;
    private boolean shipping;
    private long cadence = FIRST_MILLIS;
    private long backoff = FIRST_MILLIS;
    private boolean ending;
    private boolean ended;
    private long due;
    private long durableBytes;
    private long lostBytes;
    private long forgottenBytes;

    /** What is under way. */
    private @Nullable ReplayedChunk posted;

    private String postedShape = "";
    private String postedLost = "";
    private boolean postedFinal;
    private boolean postedEnd;

    /**
     * @param number of it in the fleet, for its name
     * @param start when its JVM starts
     * @param speed how many times as fast as it was the capture is repeated
     * @param mostBytes most bytes that wait
     * @param mostAge longest that they wait
     */
    SimulatedAgent(int number, Flight flight, long start, double speed, long mostBytes, long mostAge, Random random) {
        this.flight = flight;
        this.speed = speed;
        this.mostBytes = mostBytes;
        this.mostAge = mostAge;
        this.random = random;
        jvm = new UUID(random.nextLong(), random.nextLong() & 0x3fffffffffffffffL | 0x8000000000000000L);
        hello = new LinkedHashMap<>(flight.hello());
        hello.put("service", hello.getOrDefault("service", "service") + "-" + number % 20);
        hello.put("host", "host-" + number);
        hello.put("pid", Integer.toString(1000 + number));
        hello.put("started", Long.toString(start));
        chunks.add(new ReplayedChunk(
                flight, start, random.nextInt(flight.segments().size()), speed));
        due = start + FIRST_MILLIS;
    }

    long due() {
        return due;
    }

    boolean isDone() {
        return ended;
    }

    /** Bytes that the collector said are durable. */
    long durableBytes() {
        return durableBytes + chunks.stream().mapToLong(chunk -> chunk.durable).sum();
    }

    /** Bytes that there was no more room or time for. */
    long lostBytes() {
        return lostBytes;
    }

    /** Bytes that were durable, and later were not. */
    long forgottenBytes() {
        return forgottenBytes;
    }

    /** Bytes that wait. */
    long waitingBytes(long now) {
        return chunks.stream()
                .mapToLong(chunk -> Math.max(0, chunk.size(now) - chunk.durable))
                .sum();
    }

    /** The JVM exits: the rest is sent within some seconds. */
    void end(long now) {
        ending = true;
        live(now);
        if (chunks.size() > 1 && chunks.getLast().newest(now) < 0) {
            chunks.removeLast();
        }
        chunks.getLast().cut(now);
        due = Math.min(due, now + random.nextInt(5_000));
    }

    /** The next post; {@link #answered} or {@link #failed} follows. */
    ByteBuffer post(PostBody body, long now) {
        live(now);
        trim(now);
        boolean ask = toldShape.equals(NONE_YET);
        ReplayedChunk chunk = ask ? null : next(now);
        postedShape = shape(now);
        postedLost = String.join(",", lost);
        posted = chunk;
        body.begin()
                .put("wire", "1")
                .put("jvm", jvm.toString())
                .put("sent", Long.toString(System.currentTimeMillis() * 1_000_000));
        if (helloWanted) {
            hello.forEach((key, value) -> body.put("hello." + key, value));
        }
        if (!postedShape.equals(toldShape)) {
            body.put("have", have(now));
        }
        if (!postedLost.isEmpty()) {
            body.put("lost", postedLost);
        }
        boolean rest = chunk == null || chunk.size(now) - chunk.durable <= PostBody.LONGEST;
        postedFinal = chunk != null && rest && chunk.isFinished(now);
        postedEnd = ending && !ask && rest && (chunk == null || chunk == chunks.getLast());
        if (postedEnd) {
            body.put("ended", "true");
        }
        return chunk == null ? body.request() : body.request(chunk, now);
    }

    /** Looks at the answer. */
    void answered(Answer answer, long now) {
        ReplayedChunk chunk = posted;
        posted = null;
        if (answer.off()) {
            ended = true;
            return;
        }
        if (answer.status() != 200 && answer.status() != 409) {
            toldShape = NONE_YET;
            due = now + Math.max(backoff(), answer.retryAfterMillis());
            return;
        }
        boolean taken = answer.status() == 200;
        if (answer.cadenceMillis() > 0) {
            cadence = answer.cadenceMillis();
        }
        long before = chunk == null ? 0 : chunk.durable;
        durable(answer.durable());
        boolean finalTaken = taken && postedFinal;
        boolean moved = taken && chunk != null && (chunk.durable != before || finalTaken);
        if (chunk != null && finalTaken) {
            chunk.told = true;
        }
        if (taken) {
            toldShape = postedShape;
            if (!postedLost.isEmpty()) {
                lost.removeAll(List.of(postedLost.split(",")));
            }
            if (postedEnd) {
                ended = true;
                return;
            }
        }
        if (!taken || answer.helloWanted() && !helloWanted) {
            toldShape = NONE_YET;
        }
        helloWanted = answer.helloWanted();
        if (moved) {
            conflicts = 0;
        } else if (chunk != null || !taken) {
            conflicts++;
        }
        if (conflicts > 3) {
            conflicts = 0;
            failed(now);
            return;
        }
        if (moved || next(now) == null) {
            backoff = FIRST_MILLIS;
        }
        shipping |= moved;
        boolean more = next(now) != null || toldShape.equals(NONE_YET) || ending;
        long pause = more ? 0 : shipping ? cadence : FIRST_MILLIS;
        long ready = now + answer.waitMillis();
        // The tail looks each second, and what is finished is sent at once.
        long finished = chunks.getLast().endMillis() + random.nextInt(1_000);
        due = Math.max(ready, Math.min(now + pause, Math.max(now, finished)));
    }

    /** Nobody answered. */
    void failed(long now) {
        posted = null;
        toldShape = NONE_YET;
        due = now + backoff();
    }

    private long backoff() {
        long pause = (long) (backoff * random.nextDouble(0.5, 1.5));
        backoff = Math.min(MOST_BACKOFF, backoff * 2);
        return pause;
    }

    private void durable(Map<String, Long> offsets) {
        for (ReplayedChunk chunk : chunks) {
            Long offset = offsets.get(chunk.name());
            if (offset != null) {
                if (offset < chunk.durable) {
                    forgottenBytes += chunk.durable - offset;
                    chunk.told = false;
                }
                chunk.durable = offset;
            }
        }
    }

    /** What happened in the JVM meanwhile: chunks that began. */
    private void live(long now) {
        while (!ending && chunks.getLast().endMillis() <= now) {
            chunks.add(new ReplayedChunk(
                    flight, chunks.getLast().endMillis() + 1, flight.segments().size() - 1, speed));
        }
    }

    /** The backlog is bounded as the agent's is; the newest chunk always stays. */
    private void trim(long now) {
        int done = 0;
        for (ReplayedChunk chunk : chunks) {
            done += chunk.waits(now) ? 0 : 1;
        }
        for (Iterator<ReplayedChunk> each = chunks.iterator(); each.hasNext(); ) {
            ReplayedChunk chunk = each.next();
            if (chunk == chunks.getLast()) {
                return;
            }
            if (!chunk.waits(now)) {
                if (done-- > MOST_DONE) {
                    durableBytes += chunk.durable;
                    each.remove();
                }
            } else if (waitingBytes(now) > mostBytes
                    || chunks.size() > MOST_FILES + MOST_DONE
                    || now - chunk.endMillis() > mostAge) {
                lostBytes += chunk.size(now) - chunk.durable;
                durableBytes += chunk.durable;
                lost.add(chunk.name() + ":" + chunk.durable + ":");
                each.remove();
            }
        }
    }

    private @Nullable ReplayedChunk next(long now) {
        for (ReplayedChunk chunk : chunks) {
            if (chunk.waits(now)) {
                return chunk;
            }
        }
        return null;
    }

    private String shape(long now) {
        StringBuilder text = new StringBuilder();
        for (ReplayedChunk chunk : chunks) {
            if (chunk.newest(now) >= 0) {
                text.append(chunk.name()).append(chunk.isFinished(now) ? 'f' : 'o');
            }
        }
        return text.toString();
    }

    private String have(long now) {
        StringJoiner text = new StringJoiner(",");
        for (ReplayedChunk chunk : chunks) {
            if (chunk.newest(now) >= 0) {
                text.add(chunk.name() + ":" + chunk.size(now) + ":" + (chunk.isFinished(now) ? "final" : "open"));
            }
        }
        return text.toString();
    }
}
