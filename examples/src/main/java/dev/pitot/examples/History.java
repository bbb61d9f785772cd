package dev.pitot.examples;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.h2.jdbcx.JdbcDataSource;

/**
 * What members of the shop ordered, in a database that is a millisecond away: an H2 in the memory of this JVM in which each query
 * calls {@link #away}. One list is asked for in two ways, with one statement and with one more for each line. Any thread; four may
 * use the database at the same time, others wait for a connection.
 */
public final class History implements AutoCloseable {
    /** A line of what was ordered; the price of one piece is in euro cents. */
    record Line(String product, int priceCents, int quantity) {}

    static final int MEMBERS = 200;
    /** Lines that each member has. */
    static final int LINES = 20;

    private static final int CONNECTIONS = 4;
    private static final long AWAY_MILLIS = 1;

    private static final AtomicInteger NUMBERS = new AtomicInteger();
    private static final AtomicLong TRIPS = new AtomicLong();

    private final HikariDataSource pool;

    /** @throws SQLException when the database cannot be made, which nothing in the shop is a cause of */
    History(Catalogue catalogue, long seed) throws SQLException {
        JdbcDataSource database = new JdbcDataSource();
        // With results of the last time H2 would not ask its tables, nor go away.
        database.setURL("jdbc:h2:mem:shop-" + NUMBERS.incrementAndGet()
                + ";DB_CLOSE_ON_EXIT=FALSE;OPTIMIZE_REUSE_RESULTS=FALSE");
        HikariConfig config = new HikariConfig();
        config.setPoolName("shop-db");
        config.setDataSource(database);
        config.setMaximumPoolSize(CONNECTIONS);
        pool = new HikariDataSource(config);
        try (Connection connection = pool.getConnection()) {
            create(connection);
            fill(connection, catalogue, new Random(seed));
        } catch (SQLException e) {
            pool.close();
            throw e;
        }
    }

    private static void create(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("create table products (id int primary key, name varchar(80), price_cents int)");
            statement.execute("create table orders (id int primary key, member int, product int, quantity int)");
            statement.execute("create index orders_of_member on orders (member)");
            statement.execute("create alias away for 'dev.pitot.examples.History.away'");
        }
    }

    private static void fill(Connection connection, Catalogue catalogue, Random random) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("insert into products values (?, ?, ?)")) {
            for (Catalogue.Product product : catalogue.products()) {
                insert.setInt(1, product.id());
                insert.setString(2, product.name());
                insert.setInt(3, product.priceCents());
                insert.addBatch();
            }
            insert.executeBatch();
        }
        try (PreparedStatement insert = connection.prepareStatement("insert into orders values (?, ?, ?, ?)")) {
            for (int id = 0; id < MEMBERS * LINES; id++) {
                insert.setInt(1, id);
                insert.setInt(2, 1 + id / LINES);
                insert.setInt(3, 1 + random.nextInt(Catalogue.PRODUCTS));
                insert.setInt(4, 1 + random.nextInt(4));
                insert.addBatch();
            }
            insert.executeBatch();
        }
    }

    /**
     * Called by the database once for each statement: the limit of a query is asked for when it begins.
     *
     * @return {@code rows} as it is, a millisecond later
     */
    public static int away(int rows) {
        TRIPS.incrementAndGet();
        try {
            TimeUnit.MILLISECONDS.sleep(AWAY_MILLIS);
        } catch (InterruptedException e) {
            // The shop is closing; whoever sleeps next on this thread is told.
            Thread.currentThread().interrupt();
        }
        return rows;
    }

    /** How often {@link #away} was called in this JVM. */
    static long trips() {
        return TRIPS.get();
    }

    /** A member's lines the way object-relational mappers are often left to do it: each line asks for its product. */
    List<Line> lineByLine(int member) throws SQLException {
        List<Line> lines = new ArrayList<>(LINES);
        try (Connection connection = pool.getConnection();
                PreparedStatement orders = connection.prepareStatement(
                        "select product, quantity from orders where member = ? order by id fetch first away(20) rows only");
                PreparedStatement product = connection.prepareStatement(
                        "select name, price_cents from products where id = ? fetch first away(1) rows only")) {
            orders.setInt(1, member);
            try (ResultSet order = orders.executeQuery()) {
                while (order.next()) {
                    product.setInt(1, order.getInt(1));
                    try (ResultSet found = product.executeQuery()) {
                        found.next();
                        lines.add(new Line(found.getString(1), found.getInt(2), order.getInt(2)));
                    }
                }
            }
        }
        return lines;
    }

    /** The same lines with one statement. */
    List<Line> joined(int member) throws SQLException {
        List<Line> lines = new ArrayList<>(LINES);
        try (Connection connection = pool.getConnection();
                PreparedStatement orders = connection.prepareStatement("""
                        select p.name, p.price_cents, o.quantity from orders o join products p on p.id = o.product \
                        where o.member = ? order by o.id fetch first away(20) rows only""")) {
            orders.setInt(1, member);
            try (ResultSet order = orders.executeQuery()) {
                while (order.next()) {
                    lines.add(new Line(order.getString(1), order.getInt(2), order.getInt(3)));
                }
            }
        }
        return lines;
    }

    @Override
    public void close() {
        pool.close();
    }
}
