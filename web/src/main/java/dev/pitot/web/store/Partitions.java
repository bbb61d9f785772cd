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
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The partitions of a day or, of the coarser tiers, a month (UTC): made ahead, dropped when all in them is older than the retention. There is no default
 * partition, as one would forbid making the right one later.
 *
 * <p>A segment lies in the partition of the day on which its chunk was first heard of, by the collector's clock; blocks and
 * events in that of their own time. Any thread.
 */
public final class Partitions {
    /** What is partitioned. */
    public enum Table {
        EVENT("event", "events", Duration.ZERO, false),
        SEGMENT("segment", "segments", Duration.ZERO, false),
        METRIC_BLOCK("metric_block", "blocks", Duration.ofMinutes(1), false),
        METRIC_1M("metric_1m", "minutes", Duration.ofMinutes(1), false),
        METRIC_15M("metric_15m", "quarters", Duration.ofMinutes(15), true),
        METRIC_1H("metric_1h", "hours", Duration.ofHours(1), true);

        final String table;
        private final String tier;
        /** How much time a row is about, from its {@code ts} on. */
        final Duration width;
        /** A partition holds a month rather than a day. */
        private final boolean monthly;

        Table(String table, String tier, Duration width, boolean monthly) {
            this.table = table;
            this.tier = tier;
            this.width = width;
            this.monthly = monthly;
        }

        /** Its name for people: {@code events}, {@code segments}, {@code blocks}, {@code minutes}, {@code quarters}, {@code hours}. */
        public String tier() {
            return tier;
        }

        /** The one of that name. */
        public static Optional<Table> ofTier(String tier) {
            return Arrays.stream(values())
                    .filter(table -> table.tier.equals(tier))
                    .findFirst();
        }

        /** The first day of the partition that holds a day. */
        private LocalDate start(LocalDate day) {
            return monthly ? day.withDayOfMonth(1) : day;
        }

        LocalDate end(LocalDate day) {
            return monthly ? start(day).plusMonths(1) : day.plusDays(1);
        }
    }

    /** Partitions exist up to this many days from today. */
    private static final int AHEAD = 2;
    /** Rows of chunks whose bytes are gone stay so long, so that an agent that still has them does not send them again. */
    private static final Duration KEEP_EXPIRED = Duration.ofDays(14);

    private static final DateTimeFormatter SUFFIX = DateTimeFormatter.ofPattern("yyyyMMdd");
    static final long LOCK = 0x7069746f75L;

    private static final Logger LOG = LoggerFactory.getLogger(Partitions.class);

    private final Database database;
    private final Supplier<RetentionSettings> retention;
    private final Clock clock;
    private final Set<String> existing = ConcurrentHashMap.newKeySet();

    public Partitions(Database database, RetentionSettings retention, Clock clock) {
        this(database, () -> retention, clock);
    }

    /** @param retention asked each time: it changes while the collector runs */
    public Partitions(Database database, Supplier<RetentionSettings> retention, Clock clock) {
        this.database = database;
        this.retention = retention;
        this.clock = clock;
    }

    /** Makes what is needed and drops what is too old. */
    public void maintain() throws SQLException {
        make();
        drop(true);
    }

    /** Makes what is needed until the day after tomorrow. Call at start and hourly. */
    void make() throws SQLException {
        LocalDate today = today();
        existing.clear();
        for (Table table : Table.values()) {
            LocalDate oldest = cut(table);
            LocalDate from = today.minusDays(1).isBefore(oldest) ? oldest : today.minusDays(1);
            for (LocalDate day = from; !day.isAfter(today.plusDays(AHEAD)); day = table.end(day)) {
                ensure(table, day);
            }
        }
    }

    /** Makes the partition that holds a day if it is not there. */
    public void ensure(Table table, LocalDate of) throws SQLException {
        LocalDate day = table.start(of);
        String name = name(table, day);
        if (existing.contains(name)) {
            return;
        }
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                // Mostly it is there, and who drops another one need not be waited for.
                if (!exists(s, name)) {
                    s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
                    if (!exists(s, name)) {
                        // Attaching, unlike "partition of", does not stop readers and writers of the other partitions.
                        s.execute("create table " + name + " (like " + table.table + " including all)");
                        s.execute(attach(table, day));
                    }
                }
                c.commit();
            } finally {
                c.rollback();
                c.setAutoCommit(true);
            }
        }
        existing.add(name);
    }

    /** Forgets what exists, after another collector may have dropped some of it. */
    public void forget() {
        existing.clear();
    }

    /** Today by the collector's clock, UTC. */
    public LocalDate today() {
        return LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC);
    }

    /** First day whose rows are taken: yesterday, or further back when the retention reaches further. */
    public LocalDate first(Table table) {
        LocalDate yesterday = today().minusDays(1);
        LocalDate oldest = cut(table);
        return oldest.isBefore(yesterday) ? oldest : yesterday;
    }

    /** Last day whose rows are taken. */
    public LocalDate last() {
        return today().plusDays(AHEAD);
    }

    private LocalDate cut(Table table) {
        return LocalDate.ofInstant(clock.instant().minus(retention.get().of(table)), ZoneOffset.UTC);
    }

    /**
     * Drops what is too old. What is pinned in it stays: see {@link PinnedRows}.
     *
     * @param copies whether there is room for copies of what is pinned; else those partitions wait
     */
    void drop(boolean copies) throws SQLException {
        try (Connection c = database.connection()) {
            for (Table table : Table.values()) {
                for (LocalDate day : days(c, table)) {
                    if (!table.end(day).isAfter(cut(table)) && !(table == Table.SEGMENT && stillGrowing(c, day))) {
                        try {
                            drop(c, table, day, copies);
                        } catch (SQLException e) {
                            if (SegmentStore.isAway(e)) {
                                throw e;
                            }
                            // A long query on this table shall not keep the others from being dropped.
                            LOG.info("{} was not dropped, tried again later: {}", name(table, day), e.getMessage());
                        }
                    }
                }
            }
            try (PreparedStatement s =
                    c.prepareStatement("delete from chunk where state = 'expired' and last_seen < ?")) {
                s.setObject(1, at(clock.instant().minus(KEEP_EXPIRED)));
                s.executeUpdate();
            }
            // No event that is left names these; those in use were marked again today or yesterday.
            try (PreparedStatement s = c.prepareStatement("""
                    delete from sql_text where day < ?
                    and not exists (select from pin where pin.jvm_id = sql_text.jvm_id)""")) {
                s.setObject(1, cut(Table.EVENT).minusDays(1));
                s.executeUpdate();
            }
            try (PreparedStatement s = c.prepareStatement("""
                    delete from jvm where last_seen < ? and not exists (select from chunk where chunk.jvm_id = jvm.jvm_id)
                    and not exists (select from pin where pin.jvm_id = jvm.jvm_id)""")) {
                Duration longest = Arrays.stream(Table.values())
                        .map(table -> retention.get().of(table))
                        .max(Duration::compareTo)
                        .orElseThrow();
                s.setObject(1, at(clock.instant().minus(longest).minus(KEEP_EXPIRED)));
                s.executeUpdate();
            }
        }
    }

    private static OffsetDateTime at(Instant instant) {
        return instant.atOffset(ZoneOffset.UTC);
    }

    /** A chunk may stay open for days: its first bytes hold the constants that its last ones refer to. */
    private boolean stillGrowing(Connection c, LocalDate day) throws SQLException {
        try (PreparedStatement s =
                c.prepareStatement("select exists (select from chunk where day = ? and last_seen > ?)")) {
            s.setObject(1, day);
            s.setObject(2, at(clock.instant().minus(retention.get().segments())));
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private void drop(Connection c, Table table, LocalDate day, boolean copies) throws SQLException {
        PinnedRows pinned = new PinnedRows(table, day);
        String name = name(table, day);
        String pins = pinned.pins(c);
        if (pins != null) {
            // What is pinned already lies in a partition of its own, unless the pins have changed.
            if (copies && !pins.equals(PinnedRows.copiedFor(c, name))) {
                pinned.keepOnlyThem(c, pins);
            }
            return;
        }
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
            // Detaching waits for every query on the table and makes new ones wait: rather try again later.
            s.execute("set local lock_timeout = '2s'");
            if (pinned.pins(c) != null) {
                // Somebody has pinned something in it just now.
                return;
            }
            if (table == Table.SEGMENT) {
                s.execute("update chunk set state = 'expired' where day = '" + day + "' and state <> 'expired'");
            }
            if (exists(s, name)) {
                s.execute("alter table " + table.table + " detach partition " + name);
                s.execute("drop table " + name);
            }
            c.commit();
            existing.remove(name);
        } finally {
            c.rollback();
            c.setAutoCommit(true);
        }
    }

    private static boolean exists(Statement s, String name) throws SQLException {
        try (ResultSet found = s.executeQuery("select to_regclass('" + name + "') is not null")) {
            found.next();
            return found.getBoolean(1);
        }
    }

    static String attach(Table table, LocalDate day) {
        return "alter table " + table.table + " attach partition " + name(table, day) + " for values from ('"
                + bound(table, day) + "') to ('" + bound(table, table.end(day)) + "')";
    }

    /** First days of the partitions that there are, in order. */
    static List<LocalDate> days(Connection c, Table table) throws SQLException {
        List<LocalDate> days = new ArrayList<>();
        try (PreparedStatement s = c.prepareStatement("""
                select child.relname from pg_inherits join pg_class child on child.oid = inhrelid
                where inhparent = to_regclass(?) order by 1""")) {
            s.setString(1, table.table);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    days.add(LocalDate.parse(rows.getString(1).substring(table.table.length() + 1), SUFFIX));
                }
            }
        }
        return days;
    }

    static String name(Table table, LocalDate day) {
        return table.table + "_" + SUFFIX.format(day);
    }

    static String bound(Table table, LocalDate day) {
        return table == Table.SEGMENT ? day.toString() : day + " 00:00:00+00";
    }
}
