package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Stores minutes of one JVM: blocks, one of samples of one metric type and key to a row, and rows of {@code metric_1m}, which say
 * what the samples, and the events that are counted, came to. Any thread.
 */
public final class BlockStore {
    private final Database database;
    private final Partitions partitions;
    private final DiskGuard disk;

    public BlockStore(Database database, Partitions partitions) {
        this(database, partitions, DiskGuard.elsewhere());
    }

    public BlockStore(Database database, Partitions partitions, DiskGuard disk) {
        this.database = database;
        this.partitions = partitions;
        this.disk = disk;
    }

    /**
     * One minute of one type.
     *
     * @param key of a keyed type; else empty
     * @param minuteMillis start of the minute, milliseconds since the epoch
     * @param n samples
     * @param json {@code {"t": [...], "<field>": [...]}}
     */
    public record Block(String type, String key, long minuteMillis, int n, String json) {}

    /**
     * What one minute of one type came to: a row of {@code metric_1m}.
     *
     * @param key empty for a type that has none
     * @param minuteMillis start of the minute, milliseconds since the epoch
     * @param n events
     */
    public record Row(String type, String key, long minuteMillis, int n, String agg, String hist) {}

    /** What is to be stored in one transaction. */
    public record Minutes(List<Block> blocks, List<Row> rows) {
        public boolean isEmpty() {
            return blocks.isEmpty() && rows.isEmpty();
        }

        /** Blocks and rows. */
        public int size() {
            return blocks.size() + rows.size();
        }

        /** The first so many of blocks and rows, or those after them. */
        public Minutes part(int count, boolean first) {
            int b = Math.min(count, blocks.size());
            int r = count - b;
            return first
                    ? new Minutes(blocks.subList(0, b), rows.subList(0, r))
                    : new Minutes(blocks.subList(b, blocks.size()), rows.subList(r, rows.size()));
        }
    }

    private static final long QUARTER_MILLIS = Duration.ofMinutes(15).toMillis();

    /** Whether a minute can be stored: its day is kept. */
    public boolean takes(long minuteMillis) {
        LocalDate day = day(minuteMillis);
        return !day.isBefore(partitions.first(Partitions.Table.METRIC_BLOCK)) && !day.isAfter(partitions.last());
    }

    /**
     * Stores blocks and rows, each instead of the one of the same minute unless that has more samples, marks the quarters of an hour
     * that have to be made anew, and moves the chunks' block offsets, in one transaction. While the disk is nearly full the blocks
     * are left out, and counted.
     *
     * @param blockOffsets by chunk start; none moves backwards
     */
    public void store(UUID jvm, Minutes minutes, Map<Long, Long> blockOffsets) throws SQLException {
        List<Block> blocks = disk.takesDetail() ? minutes.blocks : List.of();
        for (Block block : blocks) {
            partitions.ensure(Partitions.Table.METRIC_BLOCK, day(block.minuteMillis()));
        }
        for (Row row : minutes.rows) {
            partitions.ensure(Partitions.Table.METRIC_1M, day(row.minuteMillis()));
        }
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                // The chunk rows first, as in the other transactions, and in key order.
                try (PreparedStatement s = c.prepareStatement("""
                        update chunk set block_offset = ? where jvm_id = ? and chunk_start = ? and block_offset < ?""")) {
                    for (Map.Entry<Long, Long> entry : new TreeMap<>(blockOffsets).entrySet()) {
                        s.setLong(1, entry.getValue());
                        s.setObject(2, jvm);
                        s.setLong(3, entry.getKey());
                        s.setLong(4, entry.getValue());
                        s.addBatch();
                    }
                    s.executeBatch();
                }
                if (!blocks.isEmpty()) {
                    upsertBlocks(c, jvm, blocks);
                }
                if (!minutes.rows.isEmpty()) {
                    upsertRows(c, jvm, minutes.rows);
                    mark(c, jvm, minutes.rows);
                }
                c.commit();
                disk.leftOut(0, minutes.blocks.size() - blocks.size());
            } catch (SQLException e) {
                if ("23514".equals(e.getSQLState())) {
                    partitions.forget();
                }
                throw e;
            } finally {
                SegmentStore.leave(c);
            }
        }
    }

    private static void upsertBlocks(Connection c, UUID jvm, List<Block> unordered) throws SQLException {
        List<Block> blocks = unordered.stream()
                .sorted(Comparator.comparing(Block::type)
                        .thenComparing(Block::key)
                        .thenComparingLong(Block::minuteMillis))
                .toList();
        try (PreparedStatement s = c.prepareStatement("""
                insert into metric_block (jvm_id, type, key, ts, n, data)
                select ?, type, key, to_timestamp(minute / 1000), n, json::jsonb
                from unnest(?::text[], ?::text[], ?::bigint[], ?::int[], ?::text[]) as b (type, key, minute, n, json)
                on conflict (jvm_id, type, key, ts) do update set n = excluded.n, data = excluded.data
                where excluded.n >= metric_block.n""")) {
            s.setObject(1, jvm);
            s.setArray(
                    2, c.createArrayOf("text", blocks.stream().map(Block::type).toArray()));
            s.setArray(
                    3, c.createArrayOf("text", blocks.stream().map(Block::key).toArray()));
            s.setArray(
                    4,
                    c.createArrayOf(
                            "bigint", blocks.stream().map(Block::minuteMillis).toArray()));
            s.setArray(5, c.createArrayOf("int", blocks.stream().map(Block::n).toArray()));
            s.setArray(
                    6, c.createArrayOf("text", blocks.stream().map(Block::json).toArray()));
            s.executeUpdate();
        }
    }

    private static void upsertRows(Connection c, UUID jvm, List<Row> unordered) throws SQLException {
        List<Row> rows = unordered.stream()
                .sorted(Comparator.comparing(Row::type).thenComparing(Row::key).thenComparingLong(Row::minuteMillis))
                .toList();
        try (PreparedStatement s = c.prepareStatement("""
                insert into metric_1m (jvm_id, type, key, ts, n, agg, hist)
                select ?, type, key, to_timestamp(minute / 1000), n, agg::jsonb, hist::jsonb
                from unnest(?::text[], ?::text[], ?::bigint[], ?::int[], ?::text[], ?::text[])
                    as r (type, key, minute, n, agg, hist)
                on conflict (jvm_id, type, key, ts) do update set n = excluded.n, agg = excluded.agg, hist = excluded.hist
                where excluded.n >= metric_1m.n""")) {
            s.setObject(1, jvm);
            s.setArray(2, c.createArrayOf("text", rows.stream().map(Row::type).toArray()));
            s.setArray(3, c.createArrayOf("text", rows.stream().map(Row::key).toArray()));
            s.setArray(
                    4,
                    c.createArrayOf(
                            "bigint", rows.stream().map(Row::minuteMillis).toArray()));
            s.setArray(5, c.createArrayOf("int", rows.stream().map(Row::n).toArray()));
            s.setArray(6, c.createArrayOf("text", rows.stream().map(Row::agg).toArray()));
            s.setArray(7, c.createArrayOf("text", rows.stream().map(Row::hist).toArray()));
            s.executeUpdate();
        }
    }

    /** Locks marks that are there already: who makes such a bin must wait for these rows, or leave it for later. */
    private static void mark(Connection c, UUID jvm, List<Row> rows) throws SQLException {
        Object[] quarters = rows.stream()
                .map(row -> Math.floorDiv(row.minuteMillis(), QUARTER_MILLIS) * QUARTER_MILLIS)
                .distinct()
                .sorted()
                .toArray();
        try (PreparedStatement s = c.prepareStatement("""
                insert into rollup_due (jvm_id, tier, ts) select ?, '15m', to_timestamp(quarter / 1000)
                from unnest(?::bigint[]) as q (quarter)
                on conflict (jvm_id, tier, ts) do update set ts = excluded.ts""")) {
            s.setObject(1, jvm);
            s.setArray(2, c.createArrayOf("bigint", quarters));
            s.executeUpdate();
        }
    }

    private static LocalDate day(long millis) {
        return LocalDate.ofInstant(Instant.ofEpochMilli(millis), ZoneOffset.UTC);
    }
}
