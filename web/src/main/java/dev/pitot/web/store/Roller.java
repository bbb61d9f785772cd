package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the rows of a quarter of an hour from those of its minutes, and those of an hour from its quarters, in SQL: whole bins that
 * {@code rollup_due} has marked, once they are over ({@code docs/spec/data-model.md}). One thread calls {@link #round}; several
 * collectors may do so at once.
 *
 * <p>A mark is taken away before the rows beneath are read, each in a statement of its own: what a transaction that has not ended by
 * then adds beneath marks the bin again, and waits with that until this one has ended.
 */
public final class Roller implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Roller.class);

    /** The tiers that are made here. */
    enum Tier {
        QUARTER("15m", Duration.ofMinutes(15), "metric_1m", "metric_15m", Partitions.Table.METRIC_15M),
        HOUR("1h", Duration.ofHours(1), "metric_15m", "metric_1h", Partitions.Table.METRIC_1H);

        private final String name;
        private final Duration length;
        private final Partitions.Table table;
        private final String sql;

        Tier(String name, Duration length, String beneath, String rows, Partitions.Table table) {
            this.name = name;
            this.length = length;
            this.table = table;
            this.sql = SQL.replace("{beneath}", beneath).replace("{rows}", rows);
        }

        static Tier of(String name) {
            return name.equals(QUARTER.name) ? QUARTER : HOUR;
        }
    }

    /** A bin of a tier: its JVM, the times at which it begins and ends (seconds), and its JVM and begin again. */
    private static final String SQL = """
            with beneath as materialized (
                select type, key, n, agg, hist from {beneath}
                where jvm_id = ? and ts >= to_timestamp(?) and ts < to_timestamp(?)
            ), field as materialized (
                select b.type, b.key, f.key as field, jsonb_typeof(f.value) as kind, f.value, b.hist ->> f.key as pairs
                from beneath b cross join lateral jsonb_each(b.agg) f
            ), spread as materialized (
                select row_number() over () as id, s.* from (
                    select type, key, field, sum((value -> 0)::numeric) as n,
                        case when bool_and(value -> 1 <> 'null') then min(nullif(value -> 1, 'null')::numeric) end as least,
                        max(coalesce(value -> 2, value -> 1)::numeric) as greatest,
                        sum(coalesce((value -> 3)::numeric, (value -> 0)::numeric * (value -> 1)::numeric)) as total
                    from field where kind = 'array' group by type, key, field
                ) s
            ), counts as (
                select s.id, p.bucket, p.bucket - lag(p.bucket, 1, 0) over (partition by s.id order by p.bucket) as step,
                    sum(p.count) as count
                from spread s join field f using (type, key, field)
                cross join lateral (
                    select bucket, n as count from pitot_buckets(f.pairs)
                    union all
                    select pitot_bucket((f.value -> 1)::float8), (f.value -> 0)::bigint where f.pairs is null
                ) p
                where f.kind = 'array' and s.least is distinct from s.greatest
                group by s.id, p.bucket
            ), merged as (
                select id, string_agg(step || case count when 1 then '' else ':' || count end, ' ' order by bucket) as pairs
                from counts group by id
            ), entry as (
                select type, key, field, pairs,
                    case when least = greatest then jsonb_build_array(n, greatest)
                        else jsonb_build_array(n, least, greatest, pitot_digits(total)) end as value
                from spread left join merged using (id)
                union all
                select type, key, field, null, to_jsonb(pitot_digits(sum(value::numeric)))
                from field where kind = 'number' group by type, key, field
                union all
                select type, key, field, null,
                    to_jsonb(case when min(value #>> '{}') = max(value #>> '{}') then min(value #>> '{}') else 'varies' end)
                from field where kind = 'string' group by type, key, field
            ), fields as (
                select type, key, jsonb_object_agg(field, value) as agg,
                    jsonb_object_agg(field, pairs) filter (where pairs is not null) as hist
                from entry group by type, key
            )
            insert into {rows} (jvm_id, type, key, ts, n, agg, hist)
            select ?, type, key, to_timestamp(?), least(r.n, 2147483647)::int, coalesce(agg, '{}'), coalesce(hist, '{}')
            from (select type, key, sum(n) as n from beneath group by type, key) r left join fields using (type, key)
            order by type, key
            on conflict (jvm_id, type, key, ts) do update set n = excluded.n, agg = excluded.agg, hist = excluded.hist
            where excluded.n >= {rows}.n""";

    /** The newest minute of a bin comes some seconds after its end. */
    private static final Duration GRACE = Duration.ofMinutes(1);
    /** Bins of one round; what is over is for the next one. */
    private static final int MOST_BINS = 2_000;
    /** Bins of one transaction: who adds a minute to one of them waits for it. */
    private static final int BINS_AT_ONCE = 4;

    private static final long LONGEST_PAUSE = Duration.ofSeconds(2).toNanos();

    private final Database database;
    private final Partitions partitions;
    private final Clock clock;
    private final LongAdder made = new LongAdder();
    private final LongAdder behind = new LongAdder();
    private volatile boolean closing;

    public Roller(Database database, Partitions partitions, Clock clock) {
        this.database = database;
        this.partitions = partitions;
        this.clock = clock;
    }

    /** Bins of one tier of one JVM, which may be made in one transaction. */
    private record Due(UUID jvm, Tier tier) {}

    /** Makes what is marked and over, at most 2000 bins, one JVM after the other; works half of the time at most. */
    public void round() throws SQLException {
        Map<Due, List<Long>> due = due();
        int failed = 0;
        for (Map.Entry<Due, List<Long>> one : due.entrySet()) {
            List<Long> bins = one.getValue();
            for (int from = 0; from < bins.size() && !closing; from += BINS_AT_ONCE) {
                long begin = System.nanoTime();
                try {
                    make(one.getKey(), bins.subList(from, Math.min(bins.size(), from + BINS_AT_ONCE)));
                } catch (SQLException e) {
                    if (closing || SegmentStore.isAway(e)) {
                        throw e;
                    }
                    // Their marks stay; the other JVMs shall not wait for this one.
                    if (failed++ == 0) {
                        LOG.warn(
                                "Rollups of JVM {} were not made, tried again in a minute: {}",
                                one.getKey().jvm,
                                e.getMessage());
                    }
                }
                LockSupport.parkNanos(Math.min(LONGEST_PAUSE, System.nanoTime() - begin));
            }
        }
    }

    private Map<Due, List<Long>> due() throws SQLException {
        Map<Due, List<Long>> due = new LinkedHashMap<>();
        int bins = 0;
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select jvm_id, tier, extract(epoch from ts)::bigint from rollup_due
                        where ts <= to_timestamp(case tier when '15m' then ? else ? end)
                        order by tier, ts, jvm_id limit ?""")) {
            s.setLong(1, newest(Tier.QUARTER));
            s.setLong(2, newest(Tier.HOUR));
            s.setInt(3, MOST_BINS);
            try (ResultSet rows = s.executeQuery()) {
                for (; rows.next(); bins++) {
                    Due of = new Due(rows.getObject(1, UUID.class), Tier.of(rows.getString(2)));
                    due.computeIfAbsent(of, d -> new ArrayList<>()).add(rows.getLong(3));
                }
            }
        }
        if (bins == MOST_BINS) {
            behind.increment();
        }
        return due;
    }

    /** Begin of the newest bin that is over, seconds. */
    private long newest(Tier tier) {
        return clock.instant().minus(tier.length).minus(GRACE).getEpochSecond();
    }

    private void make(Due due, List<Long> bins) throws SQLException {
        for (long bin : bins) {
            if (isKept(due.tier, bin)) {
                partitions.ensure(due.tier.table, day(bin));
            }
        }
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                // Compiling such a query takes longer than running it.
                s.execute("set local jit = off");
                s.execute("set local work_mem = '32MB'");
                List<Long> mine = take(c, due, bins);
                List<Long> above = new ArrayList<>();
                for (long bin : mine) {
                    if (isKept(due.tier, bin)) {
                        make(c, due, bin);
                        above.add(Math.floorDiv(bin, Tier.HOUR.length.toSeconds()) * Tier.HOUR.length.toSeconds());
                    }
                }
                if (due.tier == Tier.QUARTER && !above.isEmpty()) {
                    mark(c, due.jvm, above);
                }
                c.commit();
                made.add(above.size());
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

    /** Takes marks away; those that another one holds are left to it, or to the next round. */
    private static List<Long> take(Connection c, Due due, List<Long> bins) throws SQLException {
        List<Long> taken = new ArrayList<>();
        try (PreparedStatement s = c.prepareStatement("""
                with due as materialized (
                    select ts from rollup_due
                    where jvm_id = ? and tier = ? and ts in (select to_timestamp(bin) from unnest(?::bigint[]) as bin)
                    order by ts for update skip locked
                )
                delete from rollup_due where jvm_id = ? and tier = ? and ts in (select ts from due)
                returning extract(epoch from ts)::bigint""")) {
            s.setObject(1, due.jvm);
            s.setString(2, due.tier.name);
            s.setArray(3, c.createArrayOf("bigint", bins.toArray()));
            s.setObject(4, due.jvm);
            s.setString(5, due.tier.name);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    taken.add(rows.getLong(1));
                }
            }
        }
        taken.sort(null);
        return taken;
    }

    private static void make(Connection c, Due due, long bin) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(due.tier.sql)) {
            s.setObject(1, due.jvm);
            s.setLong(2, bin);
            s.setLong(3, bin + due.tier.length.toSeconds());
            s.setObject(4, due.jvm);
            s.setLong(5, bin);
            s.executeUpdate();
        }
    }

    private static void mark(Connection c, UUID jvm, List<Long> hours) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                insert into rollup_due (jvm_id, tier, ts)
                select ?, '1h', to_timestamp(hour) from unnest(?::bigint[]) as hour
                on conflict (jvm_id, tier, ts) do update set ts = excluded.ts""")) {
            s.setObject(1, jvm);
            s.setArray(2, c.createArrayOf("bigint", hours.stream().distinct().toArray()));
            s.executeUpdate();
        }
    }

    /** Rows beneath an older one are gone: it stays as it is. */
    private boolean isKept(Tier tier, long bin) {
        return !day(bin).isBefore(partitions.first(tier.table));
    }

    private static LocalDate day(long seconds) {
        return LocalDate.ofInstant(Instant.ofEpochSecond(seconds), ZoneOffset.UTC);
    }

    /** Bins made since the start. */
    public long made() {
        return made.sum();
    }

    /** Rounds that had more to make than one may. */
    public long behind() {
        return behind.sum();
    }

    /** Ends a round after the transaction that is under way; the marks of the rest stay. */
    @Override
    public void close() {
        closing = true;
    }
}
