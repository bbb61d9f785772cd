package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** Stores blocks: one minute of samples of one metric type, and one key of it, of one JVM to a row. Any thread. */
public final class BlockStore {
    private final Database database;
    private final Partitions partitions;

    public BlockStore(Database database, Partitions partitions) {
        this.database = database;
        this.partitions = partitions;
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

    /** Whether a minute can be stored: its day is kept. */
    public boolean takes(long minuteMillis) {
        LocalDate day = day(minuteMillis);
        return !day.isBefore(partitions.first(Partitions.Table.METRIC_BLOCK)) && !day.isAfter(partitions.last());
    }

    /**
     * Stores blocks, each instead of the one of the same minute unless that has more samples, and moves the chunks' block
     * offsets, in one transaction.
     *
     * @param blockOffsets by chunk start; none moves backwards
     */
    public void store(UUID jvm, List<Block> blocks, Map<Long, Long> blockOffsets) throws SQLException {
        for (Block block : blocks) {
            partitions.ensure(Partitions.Table.METRIC_BLOCK, day(block.minuteMillis()));
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
                    upsert(c, jvm, blocks);
                }
                c.commit();
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

    private static void upsert(Connection c, UUID jvm, List<Block> unordered) throws SQLException {
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

    private static LocalDate day(long millis) {
        return LocalDate.ofInstant(Instant.ofEpochMilli(millis), ZoneOffset.UTC);
    }
}
