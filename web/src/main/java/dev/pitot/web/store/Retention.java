package dev.pitot.web.store;

import dev.pitot.web.store.Partitions.Table;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How long each tier is kept: what people have set in the table {@code setting}, else what the options of some start said, which is
 * written there too, else the defaults. Any thread; what was read last is in memory.
 *
 * <p>A row is named {@code retention.events}, or {@code retention.events/shop} for the service shop; its value is a text such as
 * {@code "48h"}.
 */
public final class Retention {
    public static final Duration SHORTEST = Duration.ofMinutes(1);
    public static final Duration LONGEST = Duration.ofDays(3650);

    private static final int MOST_SERVICES = 200;
    private static final String PREFIX = "retention.";
    private static final String OPTION = "option ";
    private static final long LOCK = 0x7069746f77L;

    /** Who set an age, and when, in milliseconds since the epoch. */
    public record Change(String who, long at) {}

    /**
     * What is in force.
     *
     * @param all of every service
     * @param changes who set those that are not the defaults
     * @param services ages of some services' own, by service and tier
     */
    public record State(RetentionSettings all, Map<Table, Change> changes, Map<String, Map<Table, Duration>> services) {

        /** The age at which rows of a service are deleted one by one, null where partitions do it all. */
        @Nullable
        Duration own(String service, Table table) {
            Duration age = services.getOrDefault(service, Map.of()).get(table);
            if (age == null) {
                return null;
            }
            Duration least = table == Table.METRIC_1M || table == Table.METRIC_15M
                    ? RetentionSettings.longer(all.blocks(), RetentionSettings.LEAST_MINUTES)
                    : SHORTEST;
            Duration own = RetentionSettings.longer(age, least);
            return own.compareTo(all.of(table)) < 0 ? own : null;
        }
    }

    private final Database database;
    private final RetentionSettings defaults;
    private final Runnable changed;
    private volatile State state;

    /**
     * Nothing is read yet.
     *
     * @param changed called after each commit of {@link #set}
     */
    Retention(Database database, RetentionSettings defaults, Runnable changed) {
        this.database = database;
        this.defaults = defaults;
        this.changed = changed;
        this.state = new State(defaults.inOrder(), Map.of(), Map.of());
    }

    /** What is in force, as of the last look into the database. */
    public State state() {
        return state;
    }

    /** What holds where nothing was set. */
    public RetentionSettings defaults() {
        return defaults;
    }

    /** Looks into the database: another collector may have been told of a change. */
    void reload() throws SQLException {
        try (Connection c = database.connection()) {
            state = read(c);
        }
    }

    private State read(Connection c) throws SQLException {
        RetentionSettings all = defaults;
        Map<Table, Change> changes = new EnumMap<>(Table.class);
        Map<String, Map<Table, Duration>> services = new TreeMap<>();
        try (PreparedStatement s = c.prepareStatement("""
                select name, value #>> '{}', changed_by, changed_at
                from setting where starts_with(name, ?) order by name limit 10000""")) {
            s.setString(1, PREFIX);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    String[] name = rows.getString(1).substring(PREFIX.length()).split("/", 2);
                    Table table = Table.ofTier(name[0]).orElse(null);
                    Duration age = age(rows.getString(2));
                    if (table == null || age == null) {
                        // Of a newer collector, or written by hand.
                        continue;
                    }
                    if (name.length == 2) {
                        services.computeIfAbsent(name[1], service -> new EnumMap<>(Table.class))
                                .put(table, age);
                    } else {
                        all = all.with(table, age);
                        changes.put(
                                table,
                                new Change(
                                        rows.getString(3), rows.getTimestamp(4).getTime()));
                    }
                }
            }
        }
        return new State(all.inOrder(), changes, services);
    }

    /** Whether the last change is so old that nobody takes it back any more, by the database's clock. */
    boolean isSettled(Duration after) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select not exists (select from audit where starts_with(what, ?)
                        and at > now() - make_interval(secs => ?))""")) {
            s.setString(1, PREFIX);
            s.setDouble(2, after.toMillis() / 1000.0);
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private static @Nullable Duration age(@Nullable String text) {
        try {
            Duration age = text == null ? null : Durations.parse(text);
            return age == null || age.compareTo(SHORTEST) < 0 || age.compareTo(LONGEST) > 0 ? null : age;
        } catch (IllegalArgumentException none) {
            return null;
        }
    }

    /**
     * Sets ages, each with an entry of the audit.
     *
     * @param service null for all of them
     * @param ages by tier; null for what holds where nothing is set
     * @throws IllegalArgumentException with a sentence that says what cannot be
     */
    public void set(@Nullable String service, Map<Table, @Nullable Duration> ages, String who) throws SQLException {
        ages.forEach(Retention::check);
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                lock(c);
                State now = read(c);
                if (service != null) {
                    check(c, service, ages, now);
                }
                for (Map.Entry<Table, @Nullable Duration> entry : ages.entrySet()) {
                    write(c, name(entry.getKey(), service), entry.getValue(), who);
                }
                State next = read(c);
                if (service == null) {
                    ages.forEach((table, age) -> check(table, age, next));
                }
                c.commit();
                state = next;
                changed.run();
            } finally {
                SegmentStore.leave(c);
            }
        }
    }

    private static void check(Table table, @Nullable Duration age, State next) {
        if (age != null && !next.all.of(table).equals(age)) {
            throw new IllegalArgumentException("'" + table.tier() + "' cannot be kept for " + Durations.text(age)
                    + ", as what it is made of is kept for " + Durations.text(next.all.of(table))
                    + "; make that shorter too.");
        }
    }

    private static void check(Table table, @Nullable Duration age) {
        if (age == null) {
            return;
        }
        boolean made = table == Table.METRIC_1M || table == Table.METRIC_15M || table == Table.METRIC_1H;
        Duration shortest = made ? RetentionSettings.LEAST_MINUTES : SHORTEST;
        if (age.compareTo(shortest) < 0 || age.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException("'" + table.tier() + "' must be from " + Durations.text(shortest)
                    + " to " + Durations.text(LONGEST) + ", not " + Durations.text(age) + ".");
        }
    }

    private static void check(Connection c, String service, Map<Table, @Nullable Duration> ages, State now)
            throws SQLException {
        for (Map.Entry<Table, @Nullable Duration> entry : ages.entrySet()) {
            Duration age = entry.getValue();
            Duration all = now.all.of(entry.getKey());
            if (age != null && age.compareTo(all) >= 0) {
                throw new IllegalArgumentException("A service can only be kept shorter than the others, whose '"
                        + entry.getKey().tier() + "' are kept for " + Durations.text(all)
                        + "; give less, or make that longer and this service's other tiers shorter.");
            }
        }
        if (ages.values().stream().allMatch(age -> age == null)) {
            return;
        }
        if (!now.services.containsKey(service) && now.services.size() >= MOST_SERVICES) {
            throw new IllegalArgumentException("At most " + MOST_SERVICES
                    + " services can have a retention of their own; reset that of another one first.");
        }
        try (PreparedStatement s = c.prepareStatement("select exists (select from jvm where service = ?)")) {
            s.setString(1, service);
            try (ResultSet row = s.executeQuery()) {
                row.next();
                if (!row.getBoolean(1)) {
                    throw new IllegalArgumentException(
                            "No JVM of this service has reported; give the service's name as the page shows it.");
                }
            }
        }
    }

    /**
     * Takes the options of a start: each is set and audited like any change, unless a person has set that tier.
     *
     * @return a sentence for each that is not in force
     */
    List<String> take(Map<Table, Duration> options) throws SQLException {
        List<String> refused = new ArrayList<>();
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                lock(c);
                State now = read(c);
                for (Map.Entry<Table, Duration> option : options.entrySet()) {
                    Table table = option.getKey();
                    String flag = "--retention-" + table.tier();
                    Change change = now.changes.get(table);
                    if (change == null || change.who.startsWith(OPTION)) {
                        write(c, name(table, null), option.getValue(), OPTION + flag);
                    } else if (!now.all.of(table).equals(option.getValue())) {
                        refused.add(flag + " " + Durations.text(option.getValue()) + " is not in force: " + change.who
                                + " has set " + Durations.text(now.all.of(table))
                                + "; 'java -jar pitot.jar retention --reset " + table.tier()
                                + "' and a restart let the option count.");
                    }
                }
                State next = read(c);
                c.commit();
                state = next;
            } finally {
                SegmentStore.leave(c);
            }
        }
        return refused;
    }

    /** Changes come one after the other, so that each audit entry says what was before it. */
    private static void lock(Connection c) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
        }
    }

    private static String name(Table table, @Nullable String service) {
        return PREFIX + table.tier() + (service == null ? "" : "/" + service);
    }

    private static void write(Connection c, String name, @Nullable Duration age, String who) throws SQLException {
        String before = null;
        try (PreparedStatement s = c.prepareStatement("select value::text from setting where name = ?")) {
            s.setString(1, name);
            try (ResultSet row = s.executeQuery()) {
                before = row.next() ? row.getString(1) : null;
            }
        }
        String after = age == null ? null : '"' + Durations.text(age) + '"';
        if (before == null ? after == null : before.equals(after)) {
            return;
        }
        String sql = after == null
                ? "delete from setting where name = ?"
                : before == null
                        ? "insert into setting (name, value, changed_at, changed_by) values (?, ?::jsonb, now(), ?)"
                        : "update setting set value = ?::jsonb, changed_at = now(), changed_by = ? where name = ?";
        try (PreparedStatement s = c.prepareStatement(sql)) {
            int at = 1;
            if (after == null || before == null) {
                s.setString(at++, name);
            }
            if (after != null) {
                s.setString(at++, after);
                s.setString(at++, who);
            }
            if (after != null && before != null) {
                s.setString(at, name);
            }
            s.executeUpdate();
        }
        Audit.add(c, who, name, before, after);
    }
}
