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
 * The partitions of a day or, of events, three hours and, of the coarser tiers, a month (UTC): made ahead, dropped when all in them is
 * older than the retention. There is no default partition, as one would forbid making the right one later.
 *
 * <p>A segment lies in the partition of the day on which its chunk was first heard of, by the collector's clock; blocks and
 * events in that of their own time. Any thread.
 */
public final class Partitions {
    /** What is partitioned. */
    public enum Table {
        EVENT("event", "events", Duration.ZERO, Length.HOURS),
        SEGMENT("segment", "segments", Duration.ZERO, Length.DAY),
        METRIC_BLOCK("metric_block", "blocks", Duration.ofMinutes(1), Length.DAY),
        METRIC_1M("metric_1m", "minutes", Duration.ofMinutes(1), Length.DAY),
        METRIC_15M("metric_15m", "quarters", Duration.ofMinutes(15), Length.MONTH),
        METRIC_1H("metric_1h", "hours", Duration.ofHours(1), Length.MONTH);

        final String table;
        private final String tier;
        /** How much time a row is about, from its {@code ts} on. */
        final Duration width;
        /** How much time a partition holds. */
        private final Length length;

        Table(String table, String tier, Duration width, Length length) {
            this.table = table;
            this.tier = tier;
            this.width = width;
            this.length = length;
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

        /** The partition that holds a time, as it is made now. */
        Part part(Instant time) {
            LocalDate day = LocalDate.ofInstant(time, ZoneOffset.UTC);
            return switch (length) {
                case HOURS -> hours(Math.floorDiv(time.getEpochSecond(), HOURS) * HOURS);
                case DAY -> day(day);
                case MONTH -> {
                    LocalDate first = day.withDayOfMonth(1);
                    yield new Part(this, table + "_" + DAY.format(first), start(first), start(first.plusMonths(1)));
                }
            };
        }

        private Part hours(long second) {
            Instant from = Instant.ofEpochSecond(second);
            return new Part(this, table + "_" + HOUR.format(from), from, from.plusSeconds(HOURS));
        }

        private Part day(LocalDate day) {
            return new Part(this, table + "_" + DAY.format(day), start(day), start(day.plusDays(1)));
        }

        /** The partition of that name: of events one of a day was made by a version before. */
        private Part named(String name) {
            String suffix = name.substring(table.length() + 1);
            LocalDate day = LocalDate.parse(suffix.substring(0, DAY_DIGITS), DAY);
            if (length == Length.HOURS && suffix.length() == DAY_DIGITS) {
                return day(day);
            }
            return part(start(suffix));
        }
    }

    private enum Length {
        HOURS,
        DAY,
        MONTH
    }

    /**
     * One partition.
     *
     * @param from inclusive
     * @param to exclusive
     */
    record Part(Table table, String name, Instant from, Instant to) {
        /** Its first day. */
        LocalDate day() {
            return LocalDate.ofInstant(from, ZoneOffset.UTC);
        }

        /** {@code from} as the partition key has it. */
        String lower() {
            return bound(from);
        }

        /** {@code to} as the partition key has it. */
        String upper() {
            return bound(to);
        }

        private String bound(Instant time) {
            return table == Table.SEGMENT
                    ? LocalDate.ofInstant(time, ZoneOffset.UTC).toString()
                    : time.toString();
        }

        /** The statement that makes a table of its name this partition. */
        String attach() {
            return "alter table " + table.table + " attach partition " + name + " for values from ('" + lower()
                    + "') to ('" + upper() + "')";
        }

        /** True in SQL when it is there, or one of a day that holds it. */
        private String isThere() {
            String there = "to_regclass('" + name + "') is not null";
            return table.length == Length.HOURS
                    ? there + " or to_regclass('" + table.day(day()).name + "') is not null"
                    : there;
        }
    }

    /** Rows are taken, and partitions exist, up to this many days from today. */
    private static final int AHEAD = 2;
    /** Those of hours exist so far ahead; a row of a later time makes its own. */
    private static final Duration HOURS_AHEAD = Duration.ofHours(12);
    /** Seconds in a partition of hours: eight a day, so that of events that are kept for six hours little more than nine hours lie there. */
    static final long HOURS = 3 * 3600;
    /** Rows of chunks whose bytes are gone stay so long, so that an agent that still has them does not send them again. */
    private static final Duration KEEP_EXPIRED = Duration.ofDays(14);

    private static final DateTimeFormatter DAY = DateTimeFormatter.ofPattern("yyyyMMdd");
    private static final DateTimeFormatter HOUR =
            DateTimeFormatter.ofPattern("yyyyMMddHH").withZone(ZoneOffset.UTC);
    private static final int DAY_DIGITS = 8;
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

    /** Makes what is needed for half a day or, of all but events, until the day after tomorrow. Call at start and hourly. */
    void make() throws SQLException {
        existing.clear();
        for (Table table : Table.values()) {
            Instant yesterday = start(today().minusDays(1));
            Instant oldest = clock.instant().minus(retention.get().of(table));
            Instant last = table.length == Length.HOURS ? clock.instant().plus(HOURS_AHEAD) : start(last());
            Part part = table.part(yesterday.isBefore(oldest) ? oldest : yesterday);
            for (; !part.from().isAfter(last); part = table.part(part.to())) {
                ensure(part);
            }
        }
    }

    /** Makes the partitions that hold a day if they are not there. */
    public void ensure(Table table, LocalDate day) throws SQLException {
        Instant end = start(day.plusDays(1));
        for (Part part = table.part(start(day)); part.from().isBefore(end); part = table.part(part.to())) {
            ensure(part);
        }
    }

    /** Makes a partition if it is not there. */
    void ensure(Part part) throws SQLException {
        String name = part.name();
        if (existing.contains(name)) {
            return;
        }
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                // Mostly it is there, and who drops another one need not be waited for.
                if (!exists(s, part)) {
                    s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
                    if (!exists(s, part)) {
                        // Attaching, unlike "partition of", does not stop readers and writers of the other partitions.
                        s.execute("create table " + name + " (like " + part.table().table + " including all)");
                        s.execute(part.attach());
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
                Instant oldest = clock.instant().minus(retention.get().of(table));
                for (Part part : parts(c, table)) {
                    if (!part.to().isAfter(oldest) && !(table == Table.SEGMENT && stillGrowing(c, part.day()))) {
                        try {
                            drop(c, part, copies);
                        } catch (SQLException e) {
                            if (SegmentStore.isAway(e)) {
                                throw e;
                            }
                            // A long query on this table shall not keep the others from being dropped.
                            LOG.info("{} was not dropped, tried again later: {}", part.name(), e.getMessage());
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

    private void drop(Connection c, Part part, boolean copies) throws SQLException {
        PinnedRows pinned = new PinnedRows(part);
        String name = part.name();
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
            if (part.table() == Table.SEGMENT) {
                s.execute("update chunk set state = 'expired' where day = '" + part.day() + "' and state <> 'expired'");
            }
            if (isTrue(s, "to_regclass('" + name + "') is not null")) {
                s.execute("alter table " + part.table().table + " detach partition " + name);
                s.execute("drop table " + name);
            }
            c.commit();
            // One of a day stood for those of its hours.
            existing.clear();
        } finally {
            c.rollback();
            c.setAutoCommit(true);
        }
    }

    private static boolean exists(Statement s, Part part) throws SQLException {
        return isTrue(s, part.isThere());
    }

    private static boolean isTrue(Statement s, String condition) throws SQLException {
        try (ResultSet found = s.executeQuery("select " + condition)) {
            found.next();
            return found.getBoolean(1);
        }
    }

    /** The partitions that there are, the oldest first. */
    static List<Part> parts(Connection c, Table table) throws SQLException {
        List<Part> parts = new ArrayList<>();
        try (PreparedStatement s = c.prepareStatement("""
                select child.relname from pg_inherits join pg_class child on child.oid = inhrelid
                where inhparent = to_regclass(?) order by 1""")) {
            s.setString(1, table.table);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    parts.add(table.named(rows.getString(1)));
                }
            }
        }
        return parts;
    }

    /** When a partition begins, by what its name has behind the table's: digits of a day, or of a day and an hour. */
    static Instant start(String suffix) {
        Instant day = start(LocalDate.parse(suffix.substring(0, DAY_DIGITS), DAY));
        return suffix.length() == DAY_DIGITS
                ? day
                : day.plus(Duration.ofHours(Integer.parseInt(suffix.substring(DAY_DIGITS))));
    }

    private static Instant start(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }
}
