package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * A stored segment.
 *
 * @param header as it came with it
 * @param zlib as it came
 */
public record StoredSegment(long offset, int length, byte[] header, byte[] zlib) {
    private static final long PAGE_BYTES = 8L << 20;

    /** First byte after it. */
    public long end() {
        return offset + length;
    }

    /** The boundary its header stands for. */
    public long boundary() {
        return Segment.boundaryOf(header);
    }

    /**
     * Reads stored segments that start in {@code [from, to)}, in order: about 8 MB before compression at a time, at least one
     * if there is any.
     */
    public static List<StoredSegment> read(
            Database database, UUID jvm, long chunkStart, LocalDate day, long from, long to) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select chunk_offset, length, header, bytes from segment
                        where jvm_id = ? and chunk_start = ? and day = ? and chunk_offset >= ? and chunk_offset < ?
                        order by chunk_offset limit 256""")) {
            // Within a transaction the driver fetches a few rows at a time, so that what is not taken is not held.
            c.setAutoCommit(false);
            try {
                s.setFetchSize(8);
                s.setObject(1, jvm);
                s.setLong(2, chunkStart);
                s.setObject(3, day);
                s.setLong(4, from);
                s.setLong(5, to);
                List<StoredSegment> page = new ArrayList<>();
                long bytes = 0;
                try (ResultSet rows = s.executeQuery()) {
                    while (bytes < PAGE_BYTES && rows.next()) {
                        page.add(
                                new StoredSegment(rows.getLong(1), rows.getInt(2), rows.getBytes(3), rows.getBytes(4)));
                        bytes += rows.getInt(2);
                    }
                }
                return page;
            } finally {
                SegmentStore.leave(c);
            }
        }
    }
}
