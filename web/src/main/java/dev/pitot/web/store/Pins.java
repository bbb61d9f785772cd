package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Windows of a JVM that no retention drops. Any thread. */
public final class Pins {
    public static final int MOST = 100;
    public static final Duration LONGEST = Duration.ofDays(7);
    public static final int LONGEST_NOTE = 500;

    private static final long LOCK = 0x7069746f78L;
    private static final String SELECT = """
            select pin_id, p.jvm_id, from_ts, to_ts, note, created_at, created_by, service
            from pin p left join jvm using (jvm_id)""";

    /**
     * A pin; times in milliseconds since the epoch.
     *
     * @param to exclusive
     * @param service of its JVM
     */
    public record Pin(
            UUID id,
            UUID jvm,
            long from,
            long to,
            String note,
            long created,
            String by,
            @Nullable String service) {}

    private final Database database;
    private final Runnable changed;

    /** @param changed called after each commit of a pin that came or went */
    Pins(Database database, Runnable changed) {
        this.database = database;
        this.changed = changed;
    }

    /** All of them, the newest first. */
    public List<Pin> list() throws SQLException {
        try (Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(SELECT + " order by created_at desc, pin_id limit " + MOST)) {
            List<Pin> pins = new ArrayList<>();
            while (rows.next()) {
                pins.add(pin(rows));
            }
            return pins;
        }
    }

    private static Pin pin(ResultSet row) throws SQLException {
        return new Pin(
                row.getObject(1, UUID.class),
                row.getObject(2, UUID.class),
                row.getTimestamp(3).getTime(),
                row.getTimestamp(4).getTime(),
                row.getString(5),
                row.getTimestamp(6).getTime(),
                row.getString(7),
                row.getString(8));
    }

    /**
     * Pins a window, with an entry of the audit.
     *
     * @return empty for a JVM that is not known
     * @throws IllegalArgumentException with a sentence that says what cannot be
     */
    public Optional<Pin> add(UUID jvm, long from, long to, String note, String who) throws SQLException {
        if (from >= to || to - from > LONGEST.toMillis()) {
            throw new IllegalArgumentException("'from' must be before 'to', and by no more than " + LONGEST.toDays()
                    + " days; pin a longer time in parts.");
        }
        if (note.length() > LONGEST_NOTE) {
            throw new IllegalArgumentException(
                    "'note' has " + note.length() + " characters; use at most " + LONGEST_NOTE + ".");
        }
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                if (lockAndCount(c) >= MOST) {
                    throw new IllegalArgumentException(
                            "There are " + MOST + " pins already, which is the most; remove one that is not needed.");
                }
                UUID id = UUID.randomUUID();
                try (PreparedStatement s = c.prepareStatement("""
                        insert into pin (jvm_id, pin_id, from_ts, to_ts, note, created_at, created_by)
                        select jvm_id, ?, ?, ?, ?, now(), ? from jvm where jvm_id = ?""")) {
                    s.setObject(1, id);
                    s.setTimestamp(2, new Timestamp(from));
                    s.setTimestamp(3, new Timestamp(to));
                    s.setString(4, Json.storable(note));
                    s.setString(5, who);
                    s.setObject(6, jvm);
                    if (s.executeUpdate() == 0) {
                        return Optional.empty();
                    }
                }
                Pin pin = find(c, id).orElseThrow();
                Audit.add(c, who, "pin", null, json(pin));
                c.commit();
                changed.run();
                return Optional.of(pin);
            } finally {
                SegmentStore.leave(c);
            }
        }
    }

    /** Removes a pin, with an entry of the audit: what it has kept is dropped like anything else. False when there is none. */
    public boolean remove(UUID id, String who) throws SQLException {
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                lockAndCount(c);
                Optional<Pin> pin = find(c, id);
                if (pin.isEmpty()) {
                    return false;
                }
                try (PreparedStatement s = c.prepareStatement("delete from pin where jvm_id = ? and pin_id = ?")) {
                    s.setObject(1, pin.get().jvm());
                    s.setObject(2, id);
                    s.executeUpdate();
                }
                Audit.add(c, who, "pin", json(pin.get()), null);
                c.commit();
                changed.run();
                return true;
            } finally {
                SegmentStore.leave(c);
            }
        }
    }

    /** A text that is another one when any pin has come or gone; empty without pins. */
    String state() throws SQLException {
        try (Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet row =
                        s.executeQuery("select coalesce(string_agg(pin_id::text, ',' order by pin_id), '') from pin")) {
            row.next();
            return row.getString(1);
        }
    }

    private static int lockAndCount(Connection c) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
            try (ResultSet row = s.executeQuery("select count(*) from pin")) {
                row.next();
                return row.getInt(1);
            }
        }
    }

    private static Optional<Pin> find(Connection c, UUID id) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(SELECT + " where pin_id = ?")) {
            s.setObject(1, id);
            try (ResultSet row = s.executeQuery()) {
                return row.next() ? Optional.of(pin(row)) : Optional.empty();
            }
        }
    }

    private static String json(Pin pin) {
        StringBuilder out = new StringBuilder(
                "{\"jvm\":\"" + pin.jvm() + "\",\"from\":" + pin.from() + ",\"to\":" + pin.to() + ",\"note\":");
        Json.text(out, pin.note());
        return out.append('}').toString();
    }
}
