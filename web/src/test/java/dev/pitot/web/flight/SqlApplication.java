package dev.pitot.web.flight;

import com.sun.net.httpserver.HttpServer;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.util.concurrent.Executors;

/** A small shop on PostgreSQL and HikariCP that knows nothing of Pitot; run in a JVM of its own. */
public final class SqlApplication {
    /** Rows that {@code /orders} asks for one by one. */
    static final int ORDERS = 7;

    private interface Page {
        String of(HikariDataSource pool) throws SQLException;
    }

    private SqlApplication() {}

    /** Arguments: URL, user and password of the database, and the file that gets the port. */
    public static void main(String[] args) throws Exception {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(args[0]);
        config.setUsername(args[1]);
        config.setPassword(args[2]);
        config.setPoolName("shop");
        config.setMaximumPoolSize(2);
        config.setConnectionTimeout(250);
        HikariDataSource pool = new HikariDataSource(config);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
        server.setExecutor(Executors.newFixedThreadPool(2));
        add(server, "/fill", pool, SqlApplication::fill);
        add(server, "/orders", pool, SqlApplication::orders);
        add(server, "/broken", pool, SqlApplication::broken);
        add(server, "/exhausted", pool, SqlApplication::exhausted);
        server.start();
        Path ready = Path.of(args[3] + ".part");
        Files.writeString(ready, String.valueOf(server.getAddress().getPort()));
        Files.move(ready, Path.of(args[3]));
    }

    private static void add(HttpServer server, String path, HikariDataSource pool, Page page) {
        server.createContext(path, exchange -> {
            byte[] text;
            try {
                text = page.of(pool).getBytes(StandardCharsets.UTF_8);
            } catch (SQLException e) {
                throw new IOException(e);
            }
            exchange.sendResponseHeaders(200, text.length);
            try (OutputStream body = exchange.getResponseBody()) {
                body.write(text);
            }
        });
    }

    private static String fill(HikariDataSource pool) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("create table orders (id int primary key, customer text)");
            try (PreparedStatement insert = connection.prepareStatement("insert into orders values (?, ?)")) {
                for (int id = 1; id <= ORDERS; id++) {
                    insert.setInt(1, id);
                    insert.setString(2, "Smith " + id);
                    insert.addBatch();
                }
                return insert.executeBatch().length + " orders";
            }
        }
    }

    /** One statement for the list and one more for each of its rows, each time prepared anew on whichever connection. */
    private static String orders(HikariDataSource pool) throws SQLException {
        StringBuilder page = new StringBuilder();
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet ids = statement.executeQuery("select id from orders order by id")) {
            while (ids.next()) {
                try (PreparedStatement one = connection.prepareStatement(
                        "select customer from orders where id = ? and customer <> 'Jones'")) {
                    one.setInt(1, ids.getInt(1));
                    try (ResultSet order = one.executeQuery()) {
                        order.next();
                        page.append(order.getString(1)).append('\n');
                    }
                }
            }
        }
        return page.toString();
    }

    private static String broken(HikariDataSource pool) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            try {
                statement.executeUpdate("delete from nowhere where customer = 'Smith'");
            } catch (SQLException expected) {
                statement.addBatch("delete from orders where id = 100");
                statement.addBatch("delete from nowhere where id = 100");
                try {
                    statement.executeBatch();
                } catch (BatchUpdateException alsoExpected) {
                    return expected.getSQLState() + " " + alsoExpected.getUpdateCounts().length;
                }
            }
            return "not broken";
        }
    }

    private static String exhausted(HikariDataSource pool) throws SQLException {
        try (Connection first = pool.getConnection();
                Connection second = pool.getConnection()) {
            try (Connection third = pool.getConnection()) {
                return "not exhausted " + first + second + third;
            } catch (SQLTransientConnectionException expected) {
                return "exhausted";
            }
        }
    }
}
