package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyOut;

/**
 * Copies a database of ours into an empty one, row for row, and compares them: the schema comes from the migrations, up to the
 * version that the first one has, and the rows by COPY, of which a buffer's worth is in memory. Nobody else may write meanwhile.
 * One thread.
 */
public final class DatabaseCopy {
    /** Rows come in the order of the file, and with nobody's time-out. */
    private static final String SESSION =
            "set timezone = 'UTC'; set statement_timeout = 0; set synchronize_seqscans = off";

    /** Before the first row of a binary COPY, and after the last one. */
    private static final int HEADER_BYTES = 19;

    private static final int TRAILER_BYTES = 2;

    private final Connection from;
    private final Connection to;

    /**
     * What was copied.
     *
     * @param leftOut tables and views that are not ours, and stay behind
     */
    public record Result(int tables, long rows, List<String> leftOut) {}

    private DatabaseCopy(Connection from, Connection to) {
        this.from = from;
        this.to = to;
    }

    /**
     * Copies all.
     *
     * @param from its user owns the tables
     * @param to has no tables yet
     * @param progress gets a sentence now and then
     * @throws StoreException when it cannot be copied or the copies differ
     */
    public static Result run(DatabaseSettings from, DatabaseSettings to, Consumer<String> progress)
            throws StoreException {
        try (Connection source = connect(from);
                Connection target = connect(to)) {
            source.setReadOnly(true);
            return new DatabaseCopy(source, target).run(progress);
        } catch (SQLException e) {
            throw new StoreException("The data could not be copied (" + ConnectFailure.reason(e) + ").", e);
        }
    }

    private static Connection connect(DatabaseSettings at) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", String.valueOf(at.user()));
        properties.setProperty("password", String.valueOf(at.password()));
        properties.setProperty("tcpKeepAlive", "true");
        Connection connection = DriverManager.getConnection(at.url(), properties);
        execute(connection, SESSION);
        return connection;
    }

    private Result run(Consumer<String> progress) throws SQLException, StoreException {
        if (values(from, "select 1 from pg_tables where schemaname = current_schema() and tablename = 'schema_version'")
                .isEmpty()) {
            return new Result(0, 0, List.of());
        }
        int version = Integer.parseInt(
                values(from, "select max(version) from schema_version").get(0));
        if (version > Migrations.FILES.size()) {
            throw new StoreException("The data has schema version " + version + ", this Pitot knows versions up to "
                    + Migrations.FILES.size() + "; use the newer Pitot that made it.");
        }
        Migrations.run(to, version);
        String checksums = "select version || ' ' || checksum from schema_version order by version";
        if (!values(from, checksums).equals(values(to, checksums))) {
            throw new StoreException("The data has a schema that was made by another build of Pitot; use that one.");
        }
        makePartitions();
        List<String> tables = values(to, relations("r"));
        List<String> leftOut = new ArrayList<>(values(from, relations("r','v','m")));
        leftOut.removeAll(values(to, relations("r','v','m")));
        long rows = 0;
        for (String table : tables) {
            if (!table.equals("schema_version")) {
                rows += copy(table);
            }
        }
        progress.accept("Copied and compared " + rows + " rows of " + tables.size() + " tables.");
        execute(to, "analyze");
        return new Result(tables.size(), rows, leftOut);
    }

    /** @param kinds of {@code pg_class.relkind}, separated by {@code ','} */
    private static String relations(String kinds) {
        return "select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('"
                + kinds + "') order by relname";
    }

    /** What migrations do not make: the days and months. */
    private void makePartitions() throws SQLException {
        for (String statement : values(from, """
                select format('create table %I partition of %I %s', child.relname, parent.relname,
                        pg_get_expr(child.relpartbound, child.oid))
                    || coalesce(format('; comment on table %I is %L', child.relname, obj_description(child.oid, 'pg_class')), '')
                from pg_inherits join pg_class child on child.oid = inhrelid join pg_class parent on parent.oid = inhparent
                where parent.relkind = 'p' and child.relkind = 'r' and parent.relnamespace = current_schema()::regnamespace
                order by parent.relname, child.relname""")) {
            execute(to, statement);
        }
    }

    private long copy(String table) throws SQLException, StoreException {
        String name = "\"" + table.replace("\"", "\"\"") + "\"";
        String columns =
                name + " (" + values(to, """
                select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                where attrelid = '%s'::regclass and attnum > 0 and not attisdropped and attgenerated = ''""".formatted(name.replace("'", "''"))).get(0) + ")";
        execute(to, "truncate " + name);
        Sum read = new Sum();
        to.setAutoCommit(false);
        CopyIn in =
                to.unwrap(PGConnection.class).getCopyAPI().copyIn("copy " + columns + " from stdin (format binary)");
        try {
            read(from, columns, message -> {
                read.add(message);
                in.writeToCopy(message, 0, message.length);
            });
            in.endCopy();
        } finally {
            if (in.isActive()) {
                // Any other statement on a connection with an open COPY would hang for ever.
                in.cancelCopy();
            }
        }
        to.commit();
        to.setAutoCommit(true);
        Sum written = new Sum();
        read(to, columns, written::add);
        if (!read.equals(written)) {
            throw new StoreException("The copy of table " + table + " differs from it: " + read.rows + " rows of "
                    + read.bytes + " bytes were read, and " + written.rows + " of " + written.bytes
                    + " are there; the old data is as it was, check the disk and try again.");
        }
        return read.rows;
    }

    private interface Messages {
        void take(byte[] message) throws SQLException;
    }

    /** PostgreSQL sends each row as a message of its own, the header with the first and the trailer alone. */
    private static void read(Connection connection, String columns, Messages each) throws SQLException {
        CopyOut out = connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyOut("copy " + columns + " to stdout (format binary)");
        try {
            for (byte[] message; (message = out.readFromCopy()) != null; ) {
                each.take(message);
            }
        } finally {
            if (out.isActive()) {
                out.cancelCopy();
            }
        }
    }

    /** Number, bytes and a checksum of rows, whatever their order: a copy may fill pages in another one. */
    private static final class Sum {
        private long rows;
        private long bytes;
        private long sum;
        private boolean begun;

        void add(byte[] message) {
            int from = begun ? 0 : HEADER_BYTES;
            begun = true;
            int length = message.length - from;
            if (length <= TRAILER_BYTES) {
                return;
            }
            CRC32C crc = new CRC32C();
            crc.update(message, from, length);
            long hash = (crc.getValue() ^ (long) length << 32) * 0x9E3779B97F4A7C15L;
            sum += hash ^ hash >>> 29;
            rows++;
            bytes += length;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Sum that && rows == that.rows && bytes == that.bytes && sum == that.sum;
        }

        @Override
        public int hashCode() {
            return Long.hashCode(sum);
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static List<String> values(Connection connection, String sql) throws SQLException {
        List<String> values = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                values.add(rows.getString(1));
            }
        }
        return values;
    }
}
