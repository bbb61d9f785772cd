package dev.pitot.web.ingest;

import dev.pitot.web.postgres.EmbeddedPostgres;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What a collector stored of a fleet: the segments as they came, and the events that were made of them. All in memory; immutable by
 * convention.
 *
 * @param jvms segments of each JVM, in the order in which they may be posted
 * @param events of each chunk, in the order of the chunk
 */
record StoredFleet(Map<UUID, List<Segment>> jvms, Map<Chunk, List<Row>> events) {
    /** @param last whether the chunk is complete with it */
    record Segment(Chunk chunk, long ticks, long offset, int length, byte[] header, byte[] zlib, boolean last) {}

    record Chunk(UUID jvm, long start) {}

    /** @param micros since the epoch */
    record Row(String type, long micros, long offset, String json) {}

    /**
     * Reads the data folder of a collector that does not run.
     *
     * @param dump file for the rows of {@code event} as psql's {@code \copy} writes them, in the same order
     * @param most JVMs, at least one
     */
    static StoredFleet read(Path data, Path dump, int most) throws Exception {
        try (EmbeddedPostgres postgres = EmbeddedPostgres.start(data, step -> {});
                Connection c = DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password())) {
            // The first JVMs that came to an end.
            String chosen =
                    "(select jvm_id from chunk group by jvm_id having bool_and(state = 'complete' and parsed_out)"
                            + " order by jvm_id limit " + most + ")";
            StoredFleet fleet = new StoredFleet(segments(c, chosen), events(c, chosen));
            Psql.run(
                    "jdbc:postgresql://127.0.0.1:" + postgres.port() + "/pitot",
                    postgres.user(),
                    postgres.password(),
                    "\\copy (select jvm_id, type, ts, chunk_start, chunk_offset, data from event where jvm_id in "
                            + chosen + " order by jvm_id, chunk_start, chunk_offset) to '" + dump + "'");
            return fleet;
        }
    }

    private static Map<UUID, List<Segment>> segments(Connection c, String chosen) throws SQLException {
        Map<UUID, List<Segment>> jvms = new LinkedHashMap<>();
        try (Statement s = c.createStatement();
                ResultSet r = s.executeQuery(
                        "select jvm_id, chunk_start, chunk_ticks, chunk_offset, length, s.header, bytes, chunk_offset + length = size"
                                + " from segment s join chunk using (jvm_id, chunk_start) where jvm_id in " + chosen
                                + " order by jvm_id, chunk_start, chunk_offset")) {
            while (r.next()) {
                UUID jvm = r.getObject(1, UUID.class);
                jvms.computeIfAbsent(jvm, id -> new ArrayList<>())
                        .add(new Segment(
                                new Chunk(jvm, r.getLong(2)),
                                r.getLong(3),
                                r.getLong(4),
                                r.getInt(5),
                                r.getBytes(6),
                                r.getBytes(7),
                                r.getBoolean(8)));
            }
        }
        return jvms;
    }

    private static Map<Chunk, List<Row>> events(Connection c, String chosen) throws SQLException {
        Map<Chunk, List<Row>> events = new LinkedHashMap<>();
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            s.setFetchSize(10_000);
            try (ResultSet r = s.executeQuery(
                    "select jvm_id, chunk_start, type, (extract(epoch from ts) * 1000000)::bigint, chunk_offset, data::text"
                            + " from event where jvm_id in " + chosen
                            + " order by jvm_id, chunk_start, chunk_offset")) {
                while (r.next()) {
                    events.computeIfAbsent(new Chunk(r.getObject(1, UUID.class), r.getLong(2)), id -> new ArrayList<>())
                            .add(new Row(r.getString(3), r.getLong(4), r.getLong(5), r.getString(6)));
                }
            }
        }
        return events;
    }

    int rows() {
        return events.values().stream().mapToInt(List::size).sum();
    }

    /** Bodies of the posts of one JVM, under another id, as its agent sent them; the last one says that it ended. */
    static List<byte[]> posts(List<Segment> segments, UUID as) {
        List<byte[]> posts = new ArrayList<>();
        for (int i = 0; i < segments.size(); i++) {
            Segment segment = segments.get(i);
            String preamble = "wire=1\njvm=" + as + "\nsent=" + System.currentTimeMillis() * 1_000_000 + "\n"
                    + (i > 0
                            ? ""
                            : "hello.service=benchmark\nhello.host=localhost\nhello.pid=1\nhello.started="
                                    + segment.chunk.start / 1_000_000
                                    + "\nhello.agent=1\nhello.java=17\nhello.jvm=benchmark\n")
                    + "chunk=" + segment.chunk.start + "." + segment.ticks
                    + "\noffset=" + segment.offset + "\nlength=" + segment.length
                    + "\nheader=" + Base64.getEncoder().encodeToString(segment.header)
                    + "\nstate=" + (segment.last ? "final" : "open") + "\n"
                    + (i == segments.size() - 1 ? "ended=true\n" : "") + "\n";
            byte[] head = preamble.getBytes(StandardCharsets.UTF_8);
            byte[] body = new byte[head.length + segment.zlib.length];
            System.arraycopy(head, 0, body, 0, head.length);
            System.arraycopy(segment.zlib, 0, body, head.length, segment.zlib.length);
            posts.add(body);
        }
        return posts;
    }
}
