package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** How far each chunk has come: read by those who parse. Any thread. */
public final class Watermarks {
    private static final String PROGRESS =
            "select chunk_start, chunk_ticks, day, boundary, parsed_offset, block_offset, state, parsed_out, parse_error from chunk ";
    private static final String UNFINISHED = """
            state <> 'expired' and boundary > 0
            and (not parsed_out or block_offset < case when parsed_out then parsed_offset else boundary end)""";

    private final Database database;

    public Watermarks(Database database) {
        this.database = database;
    }

    /** Starts of the JVM's chunks that became truncated or missing in the last hours. */
    public List<Long> gaps(UUID jvm) throws SQLException {
        try (Connection c = database.connection()) {
            return SegmentCommit.gaps(c, Set.of(jvm)).getOrDefault(jvm, List.of());
        }
    }

    /** The chunks of a JVM of which not everything is parsed and summed up, oldest first. */
    public List<Progress> unfinished(UUID jvm) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement(PROGRESS + "where jvm_id = ? and " + UNFINISHED + " order by chunk_ticks")) {
            s.setObject(1, jvm);
            List<Progress> found = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    found.add(progress(rows));
                }
            }
            return found;
        }
    }

    /** Watermarks of one chunk. */
    public Optional<Progress> progress(UUID jvm, long chunkStart) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement(PROGRESS + "where jvm_id = ? and chunk_start = ?")) {
            s.setObject(1, jvm);
            s.setLong(2, chunkStart);
            try (ResultSet rows = s.executeQuery()) {
                return rows.next() ? Optional.of(progress(rows)) : Optional.empty();
            }
        }
    }

    /** JVMs that have {@link #unfinished} chunks and were heard within a day, the one heard last first; at most 10 000. */
    public List<UUID> unfinishedJvms() throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement("select jvm_id from jvm where last_seen > now() - interval '1 day'"
                                + " and exists (select from chunk where chunk.jvm_id = jvm.jvm_id and " + UNFINISHED
                                + ") order by last_seen desc limit 10000");
                ResultSet rows = s.executeQuery()) {
            List<UUID> jvms = new ArrayList<>();
            while (rows.next()) {
                jvms.add(rows.getObject(1, UUID.class));
            }
            return jvms;
        }
    }

    /**
     * Of {@link #unfinishedJvms()} those that were not heard of for a minute, with when they were; at most 1000. JVMs that some
     * collector hears of are left to it.
     */
    public Map<UUID, String> silentUnfinishedJvms() throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement("select jvm_id, last_seen::text from jvm where last_seen between"
                                + " now() - interval '1 day' and now() - interval '1 minute'"
                                + " and exists (select from chunk where chunk.jvm_id = jvm.jvm_id and " + UNFINISHED
                                + ") order by last_seen desc limit 1000");
                ResultSet rows = s.executeQuery()) {
            Map<UUID, String> jvms = new LinkedHashMap<>();
            while (rows.next()) {
                jvms.put(rows.getObject(1, UUID.class), rows.getString(2));
            }
            return jvms;
        }
    }

    private static Progress progress(ResultSet row) throws SQLException {
        return new Progress(
                row.getLong(1),
                row.getLong(2),
                row.getObject(3, LocalDate.class),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6),
                "open".equals(row.getString(7)),
                row.getBoolean(8),
                row.getString(9));
    }
}
