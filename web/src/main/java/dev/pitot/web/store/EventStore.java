package dev.pitot.web.store;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Instant;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Transaction B: stores the events of a parsed part and says so in the chunk's row. Any thread. */
public final class EventStore {
    private static final long MICROS_PER_DAY = 86_400_000_000L;
    private static final long MICROS_PER_PARTITION = Partitions.HOURS * 1_000_000;
    /** An index takes keys of 2.7 kB at most; class names are far shorter. */
    private static final int LONGEST_TYPE = 500;

    private static final int LONGEST_ERROR = 500;
    /** Rows of one statement where some are stored already, or are refused. */
    private static final int NEW_AT_ONCE = 1_000;

    /** Events of one transaction that the database may refuse one by one; beyond, all of a half that it refuses are left out. */
    private static final int MOST_REFUSALS = 256;

    private final Database database;
    private final Partitions partitions;
    private final DiskGuard disk;

    public EventStore(Database database, Partitions partitions) {
        this(database, partitions, DiskGuard.elsewhere());
    }

    public EventStore(Database database, Partitions partitions, DiskGuard disk) {
        this.database = database;
        this.partitions = partitions;
        this.disk = disk;
    }

    /** Rows gathered for one transaction. One thread. */
    public static final class Rows {
        private final CopyRows copy = new CopyRows();
        private final Set<Partitions.Part> parts = new HashSet<>();
        private final Map<String, String> types = new HashMap<>();
        private final long firstMicros;
        private final long endMicros;
        private long clamped;
        private long lastHours = Long.MIN_VALUE;
        private @Nullable String information;
        /** Texts of statements, in the order in which everybody locks their rows. */
        private final TreeMap<String, String> sql = new TreeMap<>();

        private int sqlBytes;
        private int refused;
        private String refusal = "";
        private final LocalDate today;

        private Rows(LocalDate first, LocalDate today, LocalDate last) {
            this.today = today;
            firstMicros = first.toEpochDay() * MICROS_PER_DAY;
            endMicros = (last.toEpochDay() + 1) * MICROS_PER_DAY;
        }

        /**
         * Adds an event; a time outside of what is kept is moved to its edge.
         *
         * @param startNanos since the epoch
         * @param json its fields, made with {@link Json}
         */
        public void add(UUID jvm, String type, long startNanos, long chunkStart, long chunkOffset, String json) {
            long micros = Math.floorDiv(startNanos, 1000L);
            if (micros < firstMicros || micros >= endMicros) {
                micros = micros < firstMicros ? firstMicros : endMicros - 1;
                clamped++;
            }
            long hours = Math.floorDiv(micros, MICROS_PER_PARTITION);
            if (hours != lastHours) {
                lastHours = hours;
                parts.add(Partitions.Table.EVENT.part(Instant.ofEpochSecond(hours * Partitions.HOURS)));
            }
            copy.row(6)
                    .uuid(jvm)
                    .text(types.computeIfAbsent(type, name -> storable(name, LONGEST_TYPE)))
                    .timestamptz(micros)
                    .bigint(chunkStart)
                    .bigint(chunkOffset)
                    .jsonb(json);
        }

        /** Takes all events out again, and says how many they were. */
        private int leaveOut() {
            int events = copy.rows();
            copy.clear();
            parts.clear();
            lastHours = Long.MIN_VALUE;
            return events;
        }

        /** Sets what {@code jvm.info} becomes. */
        public void information(String json) {
            information = json;
        }

        /** Adds the text of a statement, which its events do not hold; a text or a hash that is none is left out. */
        public void sql(String statement, String text) {
            if (!statement.isEmpty()
                    && statement.length() <= StoredTypes.LONGEST_STATEMENT
                    && !text.isEmpty()
                    && sql.putIfAbsent(Json.storable(statement), Json.storable(text)) == null) {
                sqlBytes += statement.length() + text.length();
            }
        }

        /** Statements whose text was added. */
        public Set<String> statements() {
            return sql.keySet();
        }

        /** The day that texts are said to be used on. */
        public LocalDate today() {
            return today;
        }

        /** Events. */
        public int size() {
            return copy.rows();
        }

        /** Bytes. */
        public int bytes() {
            return copy.bytes() + sqlBytes;
        }

        /** Events whose time was moved. */
        public long clamped() {
            return clamped;
        }

        /** Events that the database refused and that were left out. */
        public int refused() {
            return refused;
        }

        /** Why it refused the last of them, or a text; empty when it took all. */
        public String refusal() {
            return refusal;
        }

        /** A state to go back to. */
        public record Mark(int rows, int bytes) {}

        /** The state now. */
        public Mark mark() {
            return new Mark(copy.rows(), copy.bytes());
        }

        /** Takes back the events that were added since; texts stay, as they are true whatever became of the events. */
        public void truncate(Mark mark) {
            copy.truncate(mark.rows(), mark.bytes());
        }
    }

    /** A text as PostgreSQL takes it: without NUL and halves of characters, at most so many bytes in UTF-8. */
    static String storable(String text, int longest) {
        StringBuilder out = new StringBuilder(Math.min(text.length(), longest));
        int bytes = 0;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            if (c == 0 || c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
                c = 0xfffd;
            }
            bytes += Character.toString(c).getBytes(StandardCharsets.UTF_8).length;
            if (bytes > longest) {
                break;
            }
            out.appendCodePoint(c);
        }
        return out.toString();
    }

    /** Whether PostgreSQL refuses these very rows, so that it will do so again: they, not the server, are the reason. */
    public static boolean isRefusal(SQLException e) {
        String state = e.getSQLState();
        return state != null
                && !SegmentStore.isPassing(e)
                && (state.startsWith("22") || state.startsWith("23") || state.startsWith("54"));
    }

    /** No rows yet. */
    public Rows rows() {
        return new Rows(partitions.first(Partitions.Table.EVENT), partitions.today(), partitions.last());
    }

    /**
     * Stores rows if the chunk's parsed offset still is what it was when they were read. Who stores the same ones at the same time
     * waits at the key of the first of them, and then finds the offset moved. While the disk is nearly full the events are left out of the rows, and counted.
     *
     * @param out nothing is left to parse in this chunk
     * @param error why not, when it could not be read
     * @return false when somebody else has stored them: nothing was changed
     */
    public boolean store(
            UUID jvm, long chunkStart, long parsedBefore, long parsed, boolean out, @Nullable String error, Rows rows)
            throws SQLException {
        int leftOut = disk.takesDetail() ? 0 : rows.leaveOut();
        for (Partitions.Part part : rows.parts) {
            partitions.ensure(part);
        }
        boolean stored = storeOnce(jvm, chunkStart, parsedBefore, parsed, out, error, rows);
        if (stored) {
            disk.leftOut(leftOut, 0);
        }
        return stored;
    }

    private boolean storeOnce(
            UUID jvm, long chunkStart, long parsedBefore, long parsed, boolean out, @Nullable String error, Rows rows)
            throws SQLException {
        try {
            return store(jvm, chunkStart, parsedBefore, parsed, out, error, rows, false);
        } catch (SQLException e) {
            // Of a chunk that seemed to end and then went on, what waited for constants was handed on early (23505).
            // What else the database refuses, it will refuse again.
            if (!isRefusal(e)) {
                throw e;
            }
            return store(jvm, chunkStart, parsedBefore, parsed, out, error, rows, true);
        }
    }

    private boolean store(
            UUID jvm,
            long chunkStart,
            long parsedBefore,
            long parsed,
            boolean out,
            @Nullable String error,
            Rows rows,
            boolean carefully)
            throws SQLException {
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                rows.refused = 0;
                rows.refusal = "";
                // The rows first: transaction A, which answers posts, waits for who has locked a row of jvm or chunk.
                if (carefully) {
                    storeAllowed(c, rows, rows.copy.starts(), 0, rows.size());
                    unlessRefused(c, rows, () -> storeSql(c, jvm, rows));
                } else {
                    if (rows.size() > 0) {
                        rows.copy.copy(
                                c,
                                "copy event (jvm_id, type, ts, chunk_start, chunk_offset, data) from stdin (format binary)");
                    }
                    storeSql(c, jvm, rows);
                }
                // Rows of jvm are locked before rows of chunk, as in transaction A.
                if (carefully) {
                    unlessRefused(c, rows, () -> storeInformation(c, jvm, rows));
                } else {
                    storeInformation(c, jvm, rows);
                }
                try (PreparedStatement s = c.prepareStatement("""
                        update chunk set parsed_offset = ?, parsed_out = ?, parse_error = ?
                        where jvm_id = ? and chunk_start = ? and parsed_offset = ? and not parsed_out
                            and (not ? or state <> 'open' and boundary <= ?)""")) {
                    s.setLong(1, parsed);
                    s.setBoolean(2, out);
                    s.setString(3, error == null ? null : storable(error, LONGEST_ERROR));
                    s.setObject(4, jvm);
                    s.setLong(5, chunkStart);
                    s.setLong(6, parsedBefore);
                    // Another collector may have been sent more of a chunk that had seemed to end.
                    s.setBoolean(7, out && error == null);
                    s.setLong(8, parsed);
                    if (s.executeUpdate() != 1) {
                        return false;
                    }
                }
                c.commit();
                return true;
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

    private interface Write {
        void run() throws SQLException;
    }

    /**
     * Does something within the transaction; when the database refuses it, the transaction goes on as if it had not been tried.
     *
     * @return false when it was refused; why is in the rows
     */
    private static boolean unlessRefused(Connection c, Rows rows, Write write) throws SQLException {
        Savepoint before = c.setSavepoint();
        try {
            write.run();
            c.releaseSavepoint(before);
            return true;
        } catch (SQLException e) {
            if (!isRefusal(e)) {
                throw e;
            }
            c.rollback(before);
            c.releaseSavepoint(before);
            rows.refusal = String.valueOf(e.getMessage());
            return false;
        }
    }

    /** Stores what the database takes of the rows from one to before another: of those it refuses, each half by itself. */
    private static void storeAllowed(Connection c, Rows rows, int[] starts, int from, int to) throws SQLException {
        if (from == to
                || unlessRefused(c, rows, () -> storeNew(c, rows.copy.reader(starts[from], starts[to]), to - from))) {
            return;
        }
        if (to - from == 1 || rows.refused >= MOST_REFUSALS) {
            rows.refused += to - from;
            return;
        }
        int middle = (from + to) >>> 1;
        storeAllowed(c, rows, starts, from, middle);
        storeAllowed(c, rows, starts, middle, to);
    }

    private static void storeInformation(Connection c, UUID jvm, Rows rows) throws SQLException {
        String information = rows.information;
        if (information != null) {
            try (PreparedStatement s = c.prepareStatement(
                    "update jvm set info = ?::jsonb where jvm_id = ? and info is distinct from ?::jsonb")) {
                s.setString(1, information);
                s.setObject(2, jvm);
                s.setString(3, information);
                s.executeUpdate();
            }
        }
    }

    /** As COPY, without those that are stored; a temporary table would do, but not everybody may make one. */
    private static void storeNew(Connection c, CopyRows.Reader in, int rows) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data)
                select jvm_id, type, timestamptz 'epoch' + micros * interval '1 microsecond', chunk_start, chunk_offset, data::jsonb
                from unnest(?, ?, ?, ?, ?, ?) as row (jvm_id, type, micros, chunk_start, chunk_offset, data)
                on conflict do nothing""")) {
            for (int left = rows; left > 0; left -= NEW_AT_ONCE) {
                int n = Math.min(left, NEW_AT_ONCE);
                Object[] jvms = new Object[n];
                Object[] types = new Object[n];
                Object[] times = new Object[n];
                Object[] chunks = new Object[n];
                Object[] offsets = new Object[n];
                Object[] data = new Object[n];
                for (int i = 0; i < n && in.next(); i++) {
                    jvms[i] = in.uuid();
                    types[i] = in.text();
                    times[i] = in.timestamptz();
                    chunks[i] = in.bigint();
                    offsets[i] = in.bigint();
                    data[i] = in.jsonb();
                }
                s.setArray(1, c.createArrayOf("uuid", jvms));
                s.setArray(2, c.createArrayOf("text", types));
                s.setArray(3, c.createArrayOf("bigint", times));
                s.setArray(4, c.createArrayOf("bigint", chunks));
                s.setArray(5, c.createArrayOf("bigint", offsets));
                s.setArray(6, c.createArrayOf("text", data));
                s.executeUpdate();
            }
        }
    }

    private static void storeSql(Connection c, UUID jvm, Rows rows) throws SQLException {
        if (rows.sql.isEmpty()) {
            return;
        }
        try (PreparedStatement s = c.prepareStatement("""
                insert into sql_text (jvm_id, statement, sql, day)
                select ?, t.statement, t.sql, ? from unnest(?, ?) as t (statement, sql)
                on conflict (jvm_id, statement) do update set day = excluded.day where sql_text.day < excluded.day""")) {
            s.setObject(1, jvm);
            s.setObject(2, rows.today);
            s.setArray(3, c.createArrayOf("text", rows.sql.keySet().toArray()));
            s.setArray(4, c.createArrayOf("text", rows.sql.values().toArray()));
            s.executeUpdate();
        }
    }
}
