package dev.pitot.web.store;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Rows in the format of {@code COPY … (format binary)}, gathered in memory. One thread.
 *
 * @see <a href="https://www.postgresql.org/docs/current/sql-copy.html">COPY, binary format</a>
 */
final class CopyRows {
    private static final byte[] SIGNATURE = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0};
    /** PostgreSQL counts from 2000-01-01. */
    private static final long EPOCH_MICROS = 946_684_800_000_000L;

    private static final long EPOCH_DAY = 10_957;

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private byte[] buffer = new byte[8192];
    private int length;
    private int rows;

    CopyRows() {
        clear();
    }

    void clear() {
        length = 0;
        rows = 0;
        if (buffer.length > 1 << 20) {
            buffer = new byte[8192];
        }
        raw(SIGNATURE, 0, SIGNATURE.length);
        int32(0);
        int32(0);
    }

    int rows() {
        return rows;
    }

    int bytes() {
        return length;
    }

    /** Goes back to an earlier state. */
    void truncate(int toRows, int toBytes) {
        rows = toRows;
        length = toBytes;
    }

    CopyRows row(int columns) {
        rows++;
        int16(columns);
        return this;
    }

    CopyRows uuid(UUID value) {
        int32(16);
        int64(value.getMostSignificantBits());
        int64(value.getLeastSignificantBits());
        return this;
    }

    CopyRows text(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        return bytea(utf8);
    }

    CopyRows bytea(byte[] value) {
        int32(value.length);
        raw(value, 0, value.length);
        return this;
    }

    CopyRows bigint(long value) {
        int32(8);
        int64(value);
        return this;
    }

    CopyRows integer(int value) {
        int32(4);
        int32(value);
        return this;
    }

    CopyRows timestamptz(long microsSinceEpoch) {
        return bigint(microsSinceEpoch - EPOCH_MICROS);
    }

    CopyRows date(LocalDate day) {
        return integer((int) (day.toEpochDay() - EPOCH_DAY));
    }

    CopyRows jsonb(String json) {
        byte[] utf8 = json.getBytes(StandardCharsets.UTF_8);
        int32(utf8.length + 1);
        ensure(1);
        buffer[length++] = 1;
        raw(utf8, 0, utf8.length);
        return this;
    }

    /** Reads the rows again, field by field, in the order in which they were added. One thread. */
    final class Reader {
        private final ByteBuffer in = ByteBuffer.wrap(buffer, 0, length);

        private Reader() {
            in.position(SIGNATURE.length + 8);
        }

        /** Goes to the next row; its fields are to be read all. */
        boolean next() {
            if (!in.hasRemaining()) {
                return false;
            }
            in.getShort();
            return true;
        }

        UUID uuid() {
            in.getInt();
            return new UUID(in.getLong(), in.getLong());
        }

        String text() {
            return utf8(in.getInt());
        }

        long bigint() {
            in.getInt();
            return in.getLong();
        }

        /** Microseconds since the epoch. */
        long timestamptz() {
            return bigint() + EPOCH_MICROS;
        }

        String jsonb() {
            int bytes = in.getInt();
            in.get(); // the version of the format
            return utf8(bytes - 1);
        }

        private String utf8(int bytes) {
            String text = new String(buffer, in.position(), bytes, StandardCharsets.UTF_8);
            in.position(in.position() + bytes);
            return text;
        }
    }

    Reader reader() {
        return new Reader();
    }

    /** Where each row begins, and where the last one ends; bytes from the buffer's start. */
    int[] starts() {
        int[] starts = new int[rows + 1];
        ByteBuffer in = ByteBuffer.wrap(buffer, 0, length);
        in.position(SIGNATURE.length + 8);
        for (int i = 0; i < rows; i++) {
            starts[i] = in.position();
            for (int columns = in.getShort(); columns > 0; columns--) {
                int bytes = in.getInt();
                in.position(in.position() + Math.max(bytes, 0));
            }
        }
        starts[rows] = in.position();
        return starts;
    }

    /** Reads the rows of a part of the buffer; see {@link #starts}. */
    Reader reader(int from, int to) {
        Reader part = new Reader();
        part.in.position(from).limit(to);
        return part;
    }

    /** Sends the rows within the connection's transaction. */
    void copy(Connection connection, String sql) throws SQLException {
        int end = length;
        int16(-1);
        CopyIn in = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql);
        try {
            in.writeToCopy(buffer, 0, length);
            in.endCopy();
        } finally {
            length = end;
            if (in.isActive()) {
                // Any other statement on a connection with an open COPY would hang for ever.
                in.cancelCopy();
            }
        }
    }

    private void raw(byte[] value, int from, int count) {
        ensure(count);
        System.arraycopy(value, from, buffer, length, count);
        length += count;
    }

    private void int16(int value) {
        ensure(2);
        buffer[length++] = (byte) (value >> 8);
        buffer[length++] = (byte) value;
    }

    private void int32(int value) {
        ensure(4);
        INT.set(buffer, length, value);
        length += 4;
    }

    private void int64(long value) {
        ensure(8);
        LONG.set(buffer, length, value);
        length += 8;
    }

    private void ensure(int more) {
        if (buffer.length - length < more) {
            buffer = Arrays.copyOf(buffer, Math.max(length + more, buffer.length * 2));
        }
    }
}
