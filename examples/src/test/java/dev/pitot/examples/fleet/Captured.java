package dev.pitot.examples.fleet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.Deflater;

/** A capture made by hand: segments of 100 bytes, one each second. */
final class Captured {
    static final long START_NANOS = 1_700_000_000_123_456_789L;
    static final int LENGTH = 100;

    private Captured() {}

    static Flight flight(int count) throws IOException {
        List<Flight.Segment> segments = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] bytes = new byte[LENGTH];
            java.util.Arrays.fill(bytes, (byte) (i + 1));
            byte[] header = header((i + 1) * LENGTH, i == count - 1 ? 0 : i + 1);
            if (i == 0) {
                System.arraycopy(header, 0, bytes, 0, Flight.HEADER);
            }
            segments.add(new Flight.Segment(
                    (i + 1) * 1000, (long) i * LENGTH, LENGTH, header, i == count - 1, deflated(bytes)));
        }
        return Flight.of(Map.of("service", "shop", "pid", "1"), segments);
    }

    private static byte[] header(long size, int state) {
        return ByteBuffer.allocate(Flight.HEADER)
                .putInt('F' << 24 | 'L' << 16 | 'R' << 8)
                .putShort((short) 2)
                .putShort((short) 1)
                .putLong(size)
                .putLong(0)
                .putLong(0)
                .putLong(START_NANOS)
                .putLong(1_000_000)
                .putLong(4711)
                .putLong(1_000_000_000)
                .put((byte) state)
                .array();
    }

    static byte[] deflated(byte[] bytes) {
        Deflater deflater = new Deflater();
        deflater.setInput(bytes);
        deflater.finish();
        byte[] out = new byte[bytes.length + 100];
        int length = deflater.deflate(out);
        deflater.end();
        return java.util.Arrays.copyOf(out, length);
    }
}
