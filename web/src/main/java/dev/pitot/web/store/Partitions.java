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
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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
        SEGMENT("segment", false),
        EVENT("event", false),
        METRIC_BLOCK("metric_block", false),
        METRIC_1M("metric_1m", false),
        METRIC_15M("metric_15m", true),
        METRIC_1H("metric_1h", true);

        private final String table;
        /** A partition holds a month rather than a day. */
        private final boolean monthly;

        Table(String table, boolean monthly) {
            this.table = table;
            this.monthly = monthly;
        }

        /** The first day of the partition that holds a day. */
        private LocalDate start(LocalDate day) {
            return monthly ? day.withDayOfMonth(1) : day;
        }

        private LocalDate end(LocalDate day) {
            return monthly ? start(day).plusMonths(1) : day.plusDays(1);
        }
    }

    /** Partitions exist up to this many days from today. */
    private static final int AHEAD = 2;
    /** Rows of chunks whose bytes are gone stay so long, so that an agent that still has them does not send them again. */
    private static final Duration KEEP_EXPIRED = Duration.ofDays(14);

    private static final DateTimeFormatter SUFFIX = DateTimeFormatter.ofPattern("yyyyMMdd");
    private static final long LOCK = 0x7069746f75L;

    private static final Logger LOG = LoggerFactory.getLogger(Partitions.class);

    private final Database database;
    private final RetentionSettings retention;
    private final Clock clock;
    private final Set<String> existing = ConcurrentHashMap.newKeySet();

    public Partitions(Database database, RetentionSettings retention, Clock clock) {
        this.database = database;
        this.retention = retention;
        this.clock = clock;
    }

    /** Makes what is needed until the day after tomorrow and drops what is too old. Call at start and hourly. */
    public void maintain() throws SQLException {
        LocalDate today = today();
        existing.clear();
        for (Table table : Table.values()) {
            LocalDate oldest = cut(table);
            LocalDate from = today.minusDays(1).isBefore(oldest) ? oldest : today.minusDays(1);
            for (LocalDate day = from; !day.isAfter(today.plusDays(AHEAD)); day = table.end(day)) {
                ensure(table, day);
            }
        }
        drop();
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
                s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
                try (ResultSet found = s.executeQuery("select to_regclass('" + name + "') is not null")) {
                    found.next();
                    if (!found.getBoolean(1)) {
                        // Attaching, unlike "partition of", does not stop readers and writers of the other partitions.
                        s.execute("create table " + name + " (like " + table.table + " including all)");
                        s.execute("alter table " + table.table + " attach partition " + name + " for values from ('"
                                + bound(table, day) + "') to ('" + bound(table, table.end(day)) + "')");
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
        return LocalDate.ofInstant(clock.instant().minus(retention(table)), ZoneOffset.UTC);
    }

    private Duration retention(Table table) {
        return switch (table) {
            case SEGMENT -> retention.segments();
            case METRIC_BLOCK -> retention.blocks();
            case EVENT -> retention.events();
            case METRIC_1M -> retention.minutes();
            case METRIC_15M -> retention.quarters();
            case METRIC_1H -> retention.hours();
        };
    }

    private void drop() throws SQLException {
        try (Connection c = database.connection()) {
            for (Table table : Table.values()) {
                for (LocalDate day : days(c, table)) {
                    if (!table.end(day).isAfter(cut(table)) && !(table == Table.SEGMENT && stillGrowing(c, day))) {
                        try {
                            drop(c, table, day);
                        } catch (SQLException e) {
                            if (SegmentStore.isAway(e)) {
                                throw e;
                            }
                            // A long query on this table shall not keep the others from being dropped.
                            LOG.info(
                                    "{} was not dropped, tried again in an hour: {}", name(table, day), e.getMessage());
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
            try (PreparedStatement s = c.prepareStatement("delete from sql_text where day < ?")) {
                s.setObject(1, cut(Table.EVENT).minusDays(1));
                s.executeUpdate();
            }
            try (PreparedStatement s = c.prepareStatement("""
                    delete from jvm where last_seen < ? and not exists (select from chunk where chunk.jvm_id = jvm.jvm_id)""")) {
                Duration longest = Arrays.stream(Table.values())
                        .map(this::retention)
                        .max(Duration::compareTo)
                        .orElseThrow();
                s.setObject(1, at(clock.instant().minus(longest).minus(KEEP_EXPIRED)));
                s.executeUpdate();
            }
        }
    }

    private static java.time.OffsetDateTime at(Instant instant) {
        return instant.atOffset(ZoneOffset.UTC);
    }

    /** A chunk may stay open for days: its first bytes hold the constants that its last ones refer to. */
    private boolean stillGrowing(Connection c, LocalDate day) throws SQLException {
        try (PreparedStatement s =
                c.prepareStatement("select exists (select from chunk where day = ? and last_seen > ?)")) {
            s.setObject(1, day);
            s.setObject(2, at(clock.instant().minus(retention.segments())));
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private void drop(Connection c, Table table, LocalDate day) throws SQLException {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
            // Detaching waits for every query on the table and makes new ones wait: rather try again in an hour.
            s.execute("set local lock_timeout = '2s'");
            String name = name(table, day);
            try (ResultSet found = s.executeQuery("select to_regclass('" + name + "') is not null")) {
                found.next();
                if (found.getBoolean(1)) {
                    s.execute("alter table " + table.table + " detach partition " + name);
                    s.execute("drop table " + name);
                }
            }
            if (table == Table.SEGMENT) {
                s.execute("update chunk set state = 'expired' where day = '" + day + "'");
            }
            c.commit();
            existing.remove(name);
        } finally {
            c.rollback();
            c.setAutoCommit(true);
        }
    }

    private static List<LocalDate> days(Connection c, Table table) throws SQLException {
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

    private static String name(Table table, LocalDate day) {
        return table.table + "_" + SUFFIX.format(day);
    }

    private static String bound(Table table, LocalDate day) {
        return table == Table.SEGMENT ? day.toString() : day + " 00:00:00+00";
    }
}
