package dev.pitot.web.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;

/**
 * Brings the schema to the version of this program: the files {@code db/V*.sql}, each applied once, in order, in a
 * transaction of its own. Collectors that start at once wait for each other.
 */
final class Migrations {
    /** In order; a file is never edited once it was released, as its checksum is kept. */
    static final List<String> FILES = List.of(
            "V001__first_flight.sql",
            "V002__views.sql",
            "V003__readable_milliseconds.sql",
            "V004__last_sent.sql",
            "V005__keys_of_metrics.sql",
            "V006__derived_metrics.sql",
            "V007__spans.sql",
            "V008__tiers.sql",
            "V009__views_of_tiers.sql");

    /** Any number that nobody else uses for an advisory lock in this database. */
    private static final long LOCK = 0x7069746f74L;

    private Migrations() {}

    static void run(Connection connection) throws SQLException, StoreException {
        run(connection, FILES.size());
    }

    /** @param last the version to stop at */
    static void run(Connection connection, int last) throws SQLException, StoreException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            for (String file : FILES.subList(0, last)) {
                lock(statement);
                statement.execute("""
                        create table if not exists schema_version (
                            version int not null primary key, name text not null, checksum text not null,
                            applied_at timestamptz not null default now())""");
                apply(connection, statement, file);
                connection.commit();
            }
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private static void lock(Statement statement) throws SQLException {
        statement.execute("set local lock_timeout = '120s'");
        statement.execute("set local statement_timeout = '300s'");
        statement.execute("select pg_advisory_xact_lock(" + LOCK + ")");
    }

    private static void apply(Connection connection, Statement statement, String file)
            throws SQLException, StoreException {
        TreeMap<Integer, String> applied = new TreeMap<>();
        try (ResultSet rows = statement.executeQuery("select version, checksum from schema_version")) {
            while (rows.next()) {
                applied.put(rows.getInt(1), rows.getString(2));
            }
        }
        if (!applied.isEmpty() && applied.lastKey() > FILES.size()) {
            throw new StoreException("The database has schema version " + applied.lastKey()
                    + ", this Pitot knows versions up to " + FILES.size()
                    + "; use the newer Pitot that made it, or another database.");
        }
        int version = version(file);
        String sql = text(file);
        String checksum = checksum(sql);
        String known = applied.get(version);
        if (known == null) {
            statement.execute(sql);
            try (PreparedStatement insert = connection.prepareStatement(
                    "insert into schema_version (version, name, checksum) values (?, ?, ?)")) {
                insert.setInt(1, version);
                insert.setString(2, file);
                insert.setString(3, checksum);
                insert.executeUpdate();
            }
        } else if (!known.equals(checksum)) {
            throw new StoreException("The database's schema version " + version
                    + " was made by another build of Pitot (" + file
                    + " differs); use that build, or another database.");
        }
    }

    static int version(String file) {
        return Integer.parseInt(file.substring(1, 4));
    }

    private static String text(String file) {
        try (InputStream in = Migrations.class.getResourceAsStream("/db/" + file)) {
            if (in == null) {
                throw new IllegalStateException("db/" + file + " is missing in this jar");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String checksum(String sql) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(sql.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
