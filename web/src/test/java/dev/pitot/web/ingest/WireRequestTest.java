package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WireRequestTest {
    private static final String JVM = "01234567-89ab-cdef-0123-456789abcdef";
    private static final String START = "wire=1\njvm=" + JVM + "\nsent=1700000000000000000\n";

    private static byte[] chunk(int size) {
        byte[] bytes = new byte[size];
        ByteBuffer header = ByteBuffer.wrap(bytes);
        header.putInt(0x464c5200).putShort((short) 2).putShort((short) 1).putLong(size);
        header.putLong(32, 1_700_000_000_000_000_000L).putLong(48, 555).putLong(56, 1_000_000_000L);
        header.put(64, (byte) 1).put(67, (byte) 1);
        return bytes;
    }

    private static byte[] body(String preamble, byte[] bytes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(preamble.getBytes(StandardCharsets.UTF_8));
        try (DeflaterOutputStream zlib = new DeflaterOutputStream(out)) {
            zlib.write(bytes);
        }
        return out.toByteArray();
    }

    private static String preamble(byte[] chunk, long offset, long length) {
        byte[] header = Arrays.copyOf(chunk, 68);
        return START + "chunk=1700000000000000000.555\noffset=" + offset + "\nlength=" + length + "\nheader="
                + Base64.getEncoder().encodeToString(header) + "\nstate=open\n\n";
    }

    private static void assertBad(byte[] body, int status, String sentence) {
        BadRequest bad = catchThrowableOfType(BadRequest.class, () -> WireRequest.parse(body));
        assertThat(bad).isNotNull();
        assertThat(bad.sentence()).contains(sentence).endsWith(".");
        assertThat(bad.status()).isEqualTo(status);
    }

    @Test
    void readsASegment() throws Exception {
        byte[] chunk = chunk(500);
        WireRequest request = WireRequest.parse(body(preamble(chunk, 0, 500), chunk));
        assertThat(request.jvm()).hasToString(JVM);
        assertThat(request.segment().raw()).isEqualTo(chunk);
        assertThat(request.segment().chunk()).hasToString("1700000000000000000.555");
        assertThat(request.segment().reachesBoundary()).isTrue();
    }

    @Test
    void readsAHelloWithEncodedValuesAndIgnoresUnknownKeys() throws Exception {
        WireRequest request = WireRequest.parse((START
                        + "hello.service=a%25b%0Ac\u0000\nhello.pid=7\nhello.label.zone=x=y\nfuture=1\nhave=\nlost=5.6:0:,7.8:1:2\n\n")
                .getBytes(StandardCharsets.UTF_8));
        assertThat(request.hello().service()).isEqualTo("a%b\nc\ufffd");
        assertThat(request.hello().pid()).isEqualTo(7);
        assertThat(request.hello().labels()).containsEntry("zone", "x=y");
        assertThat(request.have()).isEmpty();
        assertThat(request.lost()).hasSize(2);
        assertThat(request.lost().get(0).to()).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            wire=2;jvm=J;sent=1;;           | 415 | speaks wire version 1
            jvm=J;sent=1;;                  | 400 | no line wire=
            wire=1;sent=1;;                 | 400 | no line jvm=
            wire=1;jvm=x;sent=1;;           | 400 | not a UUID
            wire=1;jvm=J;sent=-1;;          | 400 | not a whole number
            wire=1;jvm=J;sent=99999999999999999999;; | 400 | not a whole number
            wire=1;jvm=J;sent=9999999999999999999;;  | 400 | not a whole number
            wire=1;jvm=J;sent=1             | 400 | empty line
            wire=1;jvm=J;sent=1;ended=yes;; | 400 | neither true nor false
            wire=1;jvm=J;sent=1;sent=2;;    | 400 | twice
            wire=1;jvm=J;sent=1;nonsense;;  | 400 | key=value
            wire=1;jvm=J;sent=1;a=%2;;      | 400 | none of %25
            wire=1;jvm=J;sent=1;have=1.2:3;;| 400 | three parts
            wire=1;jvm=J;sent=1;have=1.2:3:x;;| 400 | neither open nor final
            wire=1;jvm=J;sent=1;lost=1:3:4;;| 400 | startNanos.startTicks
            wire=1;jvm=J;sent=1;;tail       | 400 | names no chunk
            """)
    void refusesAPreambleWithASentence(String preamble, int status, String sentence) {
        assertBad(
                preamble.strip().replace("J", JVM).replace(';', '\n').getBytes(StandardCharsets.UTF_8),
                status,
                sentence);
    }

    @Test
    void refusesSegmentsThatAreNotWhatTheySay() throws Exception {
        byte[] chunk = chunk(500);
        assertBad(body(preamble(chunk, 0, 501), chunk), 400, "after the boundary");
        assertBad(body(preamble(chunk, 0, 400), chunk), 400, "more bytes than its length");
        assertBad(body(preamble(chunk, 0, 500), Arrays.copyOf(chunk, 499)), 400, "499 bytes, its length");
        assertBad(body(preamble(chunk, 0, 5_000_000), chunk), 413, "limit");
        assertBad(body(preamble(chunk, 0, 500), new byte[500]), 400, "first bytes");
        assertBad(body(preamble(chunk, Long.MAX_VALUE, 500), chunk), 400, "after the boundary");
        assertBad(body(preamble(chunk, 0, 500).replace("state=open", "state=half"), chunk), 400, "neither open");
        assertBad(body(preamble(chunk, 0, 500).replace(".555", ".556"), chunk), 400, "header is of chunk");
        byte[] writing = chunk.clone();
        writing[64] = (byte) 255;
        assertBad(body(preamble(writing, 0, 500), chunk), 400, "state 255");
        assertBad((preamble(chunk, 0, 500) + "no zlib").getBytes(StandardCharsets.UTF_8), 400, "zlib");
        byte[] tail = Arrays.copyOf(body(preamble(chunk, 0, 500), chunk), 3000);
        assertBad(tail, 400, "does not end where the body ends");
        assertBad(new byte[WireRequest.LONGEST_BODY + 1], 413, "limit");
        byte[] long64 = new byte[WireRequest.LONGEST_PREAMBLE + 1];
        Arrays.fill(long64, (byte) 'a');
        assertBad(long64, 413, "preamble");
    }

    @Test
    void aSegmentWithoutBytesFinishesAChunkAtItsBoundaryOnly() throws Exception {
        byte[] chunk = chunk(500);
        String atBoundary = preamble(chunk, 500, 0).replace("state=open", "state=final");
        assertThat(WireRequest.parse(body(atBoundary, new byte[0])).segment().reachesBoundary())
                .isTrue();
        String before = preamble(chunk, 400, 0).replace("state=open", "state=final");
        assertBad(body(before, new byte[0]), 400, "its offset 400 is not the boundary 500");
        assertBad(body(preamble(chunk, 500, 0), new byte[0]), 400, "final chunk only");
    }

    @Test
    void aBombIsRefusedAfterAsManyBytesAsItsLengthSays() throws Exception {
        byte[] chunk = chunk(500);
        byte[] bomb = body(preamble(chunk, 0, 500), new byte[200 << 20]);
        assertThat(bomb.length).isLessThan(WireRequest.LONGEST_BODY);
        long before = allocated();
        assertBad(bomb, 400, "more bytes than its length");
        assertThat(allocated() - before).as("bytes allocated").isLessThan(bomb.length + (1 << 20));
    }

    private static long allocated() {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
    }

    @Test
    void randomBytesGiveASentenceAndNothingElse() throws Exception {
        Random random = new Random(42);
        byte[] good = body(preamble(chunk(500), 0, 500), chunk(500));
        for (int i = 0; i < 20_000; i++) {
            byte[] body = good.clone();
            for (int k = random.nextInt(4); k >= 0; k--) {
                body[random.nextInt(body.length)] = (byte) random.nextInt();
            }
            try {
                WireRequest.parse(body);
            } catch (BadRequest bad) {
                assertThat(bad.status()).isBetween(400, 415);
            }
        }
        assertThatThrownBy(() -> WireRequest.parse(new byte[0])).isInstanceOf(BadRequest.class);
    }
}
