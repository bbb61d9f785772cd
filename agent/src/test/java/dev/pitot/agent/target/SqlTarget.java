package dev.pitot.agent.target;

import java.lang.reflect.Method;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.sql.DataSource;

/** The same work by way of four drivers, some by way of pools, and a little with a driver that nobody knows; prints all results. */
public final class SqlTarget {
    private SqlTarget() {}

    public static void main(String[] args) throws Exception {
        System.out.println("port 0");
        onAVirtualThread(() -> {
            work();
            return null;
        });
        while (System.in.read() >= 0) {
            System.out.println("read");
        }
        System.out.println("end");
        Object finish = System.getProperties().get("pitot.test.finish");
        if (finish instanceof Runnable end) {
            end.run();
        }
    }

    /** Where there are any. No request is open on it, so that nothing but what the drivers are asked for is. */
    private static void onAVirtualThread(Callable<?> work) throws Exception {
        if (Runtime.version().feature() < 21) {
            work.call();
            return;
        }
        Method threads = Executors.class.getMethod("newVirtualThreadPerTaskExecutor");
        ((ExecutorService) threads.invoke(null)).submit(work).get();
    }

    private static void work() throws Exception {
        try (Connection h2 = DriverManager.getConnection("jdbc:h2:mem:test", "sa", "");
                Connection hsqldb = DriverManager.getConnection("jdbc:hsqldb:mem:test", "sa", "");
                Connection derby = DriverManager.getConnection("jdbc:derby:memory:test;create=true");
                Connection sqlite = DriverManager.getConnection("jdbc:sqlite::memory:")) {
            work(h2, "call abs(?)");
            work(hsqldb, "call abs(?)");
            work(derby, "values abs(?)");
            work(sqlite, null);
            pools();
        }
        odd();
    }

    private static void work(Connection connection, String call) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            System.out.println(statement.execute("create table item(id int primary key, name varchar(20))"));
            System.out.println(statement.executeUpdate("insert into item values (1, 'Smith''s')"));
            System.out.println(statement.executeLargeUpdate("insert into item values (2,  'Smith')"));
            for (int id = 1; id <= 3; id++) {
                print(statement.executeQuery("select name from item where id = " + id));
            }
            statement.addBatch("update item set name = 'Mr. Smith' where id = 1");
            statement.addBatch("delete from item where id = 2");
            System.out.println(Arrays.toString(statement.executeBatch()));
            statement.addBatch("delete from nowhere");
            statement.clearBatch();
            statement.addBatch("delete from item where name = 'Smith'");
            System.out.println(Arrays.toString(statement.executeLargeBatch()));
            try {
                statement.executeQuery("select nothing from nowhere where name = 'Smith'");
            } catch (SQLException expected) {
                System.out.println(expected.getSQLState());
            }
        }
        try (PreparedStatement insert = connection.prepareStatement("insert into item values (?, ?)")) {
            for (int id = 10; id < 15; id++) {
                insert.setInt(1, id);
                insert.setString(2, "Smith " + id);
                insert.addBatch();
            }
            System.out.println(Arrays.toString(insert.executeBatch()));
            insert.setInt(1, 15);
            insert.setString(2, null);
            System.out.println(insert.executeUpdate());
            for (int id = 15; id < 18; id++) {
                insert.setInt(1, id == 15 ? 15 : id);
                insert.setString(2, "Smith");
                insert.addBatch();
            }
            try {
                insert.executeBatch();
            } catch (SQLException expected) {
                System.out.println(expected.getSQLState());
            }
        }
        try (PreparedStatement select = connection.prepareStatement(
                "select name from item where id = ?", ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY)) {
            for (int id = 10; id < 20; id++) {
                select.setInt(1, id);
                print(select.executeQuery());
            }
        }
        if (call != null) {
            try (CallableStatement called = connection.prepareCall(call)) {
                called.setInt(1, -5);
                System.out.println(called.execute());
            }
        }
        // For some of these a driver runs statements of its own.
        System.out.println(connection.isValid(1));
        connection.setAutoCommit(false);
        connection.rollback(connection.setSavepoint("here"));
        connection.rollback();
        connection.setAutoCommit(true);
        System.out.println(connection.getSchema());
    }

    private static void print(ResultSet rows) throws SQLException {
        try (rows) {
            while (rows.next()) {
                System.out.println(rows.getString(1));
            }
        }
    }

    private static void pools() throws Exception {
        take((DataSource) Class.forName("org.h2.jdbcx.JdbcConnectionPool")
                .getMethod("create", String.class, String.class, String.class)
                .invoke(null, "jdbc:h2:mem:test", "sa", ""));
        DataSource dbcp = pool("org.apache.commons.dbcp2.BasicDataSource");
        set(dbcp, "setMaxTotal", int.class, 2);
        set(dbcp, "setMaxWaitMillis", long.class, 100L);
        take(dbcp);
        take(odd(odd(dbcp)));
        exhaust(dbcp);
        DataSource tomcat = pool("org.apache.tomcat.jdbc.pool.DataSource");
        set(tomcat, "setMaxActive", int.class, 2);
        set(tomcat, "setInitialSize", int.class, 1);
        set(tomcat, "setMaxWait", int.class, 100);
        take(tomcat);
        exhaust(tomcat);
    }

    private static DataSource pool(String name) throws Exception {
        DataSource pool = (DataSource) Class.forName(name).getConstructor().newInstance();
        set(pool, "setUrl", String.class, "jdbc:h2:mem:test");
        set(pool, "setUsername", String.class, "sa");
        set(pool, "setDriverClassName", String.class, "org.h2.Driver");
        set(pool, "setValidationQuery", String.class, "select 'valid'");
        set(pool, "setTestOnBorrow", boolean.class, true);
        return pool;
    }

    private static void set(DataSource pool, String method, Class<?> type, Object value) throws Exception {
        pool.getClass().getMethod(method, type).invoke(pool, value);
    }

    private static void take(DataSource pool) throws SQLException {
        for (int i = 0; i < 3; i++) {
            try (Connection connection = pool.getConnection();
                    PreparedStatement select = connection.prepareStatement("select count(*) from item")) {
                print(select.executeQuery());
            }
        }
    }

    private static void exhaust(DataSource pool) throws SQLException {
        try (Connection one = pool.getConnection();
                Connection two = pool.getConnection()) {
            pool.getConnection();
        } catch (SQLException expected) {
            System.out.println(expected.getClass());
        }
    }

    /** Written and compiled by the test: asks another one, or makes odd connections. */
    private static DataSource odd(DataSource other) throws Exception {
        return (DataSource) Class.forName("odd.OddDataSource")
                .getConstructor(DataSource.class)
                .newInstance(other);
    }

    /** The same. */
    private static void odd() throws Exception {
        Connection connection = odd(null).getConnection();
        try (PreparedStatement select = connection.prepareStatement("odd 1")) {
            System.out.println(select.executeUpdate());
            System.out.println(select.executeUpdate());
        }
        System.out.println(Class.forName("odd.ReturnStatement")
                .getMethod("executeUpdate", String.class)
                .invoke(Class.forName("odd.ReturnStatement").getConstructor().newInstance(), "return 1"));
        System.out.println(Class.forName("odd.OpenDataSource")
                .getMethod("getConnection")
                .invoke(Class.forName("odd.OpenDataSource").getConstructor().newInstance()));
        refused(() -> odd(null).getConnection("odd", "odd"));
        // For each of these it runs a statement of its own.
        refused(() -> connection.isValid(1));
        refused(() -> connection.setAutoCommit(true));
        refused(connection::commit);
        refused(connection::rollback);
        refused(() -> connection.rollback(null));
        refused(connection::setSavepoint);
        refused(() -> connection.releaseSavepoint(null));
        refused(() -> connection.setTransactionIsolation(1));
        refused(connection::getTransactionIsolation);
        refused(() -> connection.setReadOnly(true));
        refused(() -> connection.setCatalog("odd"));
        refused(connection::getCatalog);
        refused(() -> connection.setSchema("odd"));
        refused(connection::getSchema);
        // Its close method is broken, which is not the agent's business.
        refused(() -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute("odd 2");
            }
        });
    }

    private interface Call {
        void run() throws Exception;
    }

    private static void refused(Call call) throws Exception {
        try {
            call.run();
        } catch (UnsupportedOperationException expected) {
            System.out.println("refused");
        }
    }
}
