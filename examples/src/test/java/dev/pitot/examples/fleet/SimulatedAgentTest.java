package dev.pitot.examples.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Time is a number here: nothing waits. */
class SimulatedAgentTest {
    private static final int SECONDS = 30;
    private static final long MOST_BYTES = 16 << 20;

    private final PostBody body = new PostBody("127.0.0.1:1", "secret");
    private final SimulatedAgent agent;
    private long now = 1_750_000_000_000L;

    /** What a collector has, by chunk. */
    private final Map<String, Long> durable = new LinkedHashMap<>();

    private String head = "";
    private Map<String, String> sent = Map.of();
    private byte[] segment = new byte[0];

    SimulatedAgentTest() throws IOException {
        agent = new SimulatedAgent(7, Captured.flight(SECONDS), now, 1, MOST_BYTES, 3_600_000, new Random(3));
    }

    @AfterEach
    void close() {
        body.close();
    }

    @Test
    void asksFirstAndSaysHelloUntilItIsKnown() {
        post();
        assertThat(head).contains("POST /ingest/v1 HTTP/1.1\r\n").contains("Authorization: Bearer secret\r\n");
        assertThat(sent)
                .containsEntry("wire", "1")
                .containsKeys("have", "hello.service")
                .doesNotContainKey("chunk");
        answer(200, true);
        post();
        assertThat(sent).containsKeys("hello.service", "chunk");
        answer(200, false);
        post();
        assertThat(sent).containsKey("chunk").doesNotContainKey("hello.service");
    }

    @Test
    void theChunkBeginsNowAlsoInItsOwnBytes() {
        start();
        long start = Long.parseLong(sent.getOrDefault("chunk", "").split("\\.")[0]);

        assertThat(now - start / 1_000_000).isBetween(1_000L, 3_000L);
        assertThat(Flight.startNanos(segment)).isEqualTo(start);
        assertThat(Flight.startTicks(segment)).isEqualTo(4711);
        assertThat(segment).hasSizeGreaterThanOrEqualTo(Captured.LENGTH);
    }

    @Test
    void keepsTheCadenceOfTheReply() {
        start();
        answer(200, false);
        long quiet = now;

        post();

        assertThat(now - quiet).isBetween(1_000L, 10_000L);
        assertThat(segment.length % Captured.LENGTH).isZero();
    }

    @Test
    void sendsEveryByteOnceAndInOrderAcrossChunks() {
        for (long end = now + 120_000; now < end; ) {
            post();
            answer(200, false);
        }

        assertThat(durable).hasSizeGreaterThan(3);
        assertThat(durable.values())
                .filteredOn(size -> size == SECONDS * Captured.LENGTH)
                .hasSizeGreaterThan(1);
        assertThat(agent.durableBytes())
                .isEqualTo(durable.values().stream().mapToLong(Long::longValue).sum());
        assertThat(agent.lostBytes()).isZero();
    }

    @Test
    void asksAgainAfterAnErrorAndGoesOnFromWhatIsDurable() {
        start();
        String chunk = sent.getOrDefault("chunk", "");
        // The collector took it, and its answer did not come.
        durable.merge(chunk, (long) segment.length, Long::sum);
        long failed = now;
        agent.failed(now);

        post();
        assertThat(now - failed).isBetween(500L, 1_500L);
        assertThat(sent).containsKey("have").doesNotContainKey("chunk");
        answer(200, false);
        post();

        assertThat(sent)
                .containsEntry("chunk", chunk)
                .containsEntry("offset", durable.get(chunk).toString());
    }

    @Test
    void waitsLongerAfterEachFailureAndAsLongAsTheCollectorSays() {
        start();
        agent.failed(now);
        post();
        long before = now;
        agent.failed(now);
        assertThat(agent.due() - before).isBetween(1_000L, 3_000L);
        post();
        before = now;
        agent.answered(new Answer(503, 9_000, Map.of(), 0, 0, false, false, ""), now);
        assertThat(agent.due() - before).isEqualTo(9_000);
    }

    @Test
    void resyncsAfterAConflict() {
        start();
        String chunk = sent.getOrDefault("chunk", "");
        agent.answered(new Answer(409, 0, Map.of(chunk, 100L), 10_000, 0, false, false, ""), now);

        post();

        assertThat(sent).containsKey("have").doesNotContainKey("chunk");
        durable.put(chunk, 100L);
        answer(200, false);
        post();
        assertThat(sent).containsEntry("offset", "100");
    }

    @Test
    void countsWhatWasDurableAndIsNoMore() {
        start();
        String chunk = sent.getOrDefault("chunk", "");
        answer(200, false);
        assertThat(agent.forgottenBytes()).isZero();
        post();
        agent.answered(new Answer(409, 0, Map.of(chunk, 0L), 10_000, 0, false, false, ""), now);

        assertThat(agent.forgottenBytes()).isGreaterThanOrEqualTo(Captured.LENGTH);
    }

    @Test
    void endsWithAFinalChunk() {
        start();
        answer(200, false);
        now += 3_500;
        agent.end(now);
        while (!agent.isDone()) {
            post();
            answer(200, false);
        }

        assertThat(sent).containsEntry("ended", "true").containsEntry("state", "final");
        assertThat(agent.waitingBytes(now)).isZero();
    }

    /** Up to the first segment, which is not answered yet. */
    private void start() {
        do {
            if (!sent.isEmpty()) {
                answer(200, false);
            }
            post();
        } while (!sent.containsKey("chunk"));
    }

    private void post() {
        now = Math.max(now, agent.due());
        String text = StandardCharsets.ISO_8859_1.decode(agent.post(body, now)).toString();
        int end = text.indexOf("\r\n\r\n");
        head = text.substring(0, end + 2);
        text = text.substring(end + 4);
        assertThat(head).contains("Content-Length: " + text.length() + "\r\n");
        end = text.indexOf("\n\n");
        Map<String, String> values = new HashMap<>();
        for (String line : text.substring(0, end).split("\n")) {
            values.put(line.substring(0, line.indexOf('=')), line.substring(line.indexOf('=') + 1));
        }
        sent = values;
        segment = inflated(
                text.substring(end + 2).getBytes(StandardCharsets.ISO_8859_1),
                Integer.parseInt(values.getOrDefault("length", "0")));
    }

    private static byte[] inflated(byte[] zlib, int length) {
        byte[] out = new byte[length];
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(zlib);
            assertThat(length == 0 ? 0 : inflater.inflate(out)).isEqualTo(length);
            return out;
        } catch (DataFormatException e) {
            throw new AssertionError(e);
        } finally {
            inflater.end();
        }
    }

    private void answer(int status, boolean helloWanted) {
        String chunk = sent.get("chunk");
        if (chunk != null) {
            long at = durable.getOrDefault(chunk, 0L);
            assertThat(sent).containsEntry("offset", Long.toString(at));
            durable.put(chunk, at + segment.length);
        }
        agent.answered(new Answer(status, 0, durable, 10_000, 0, helloWanted, false, ""), now);
    }
}
