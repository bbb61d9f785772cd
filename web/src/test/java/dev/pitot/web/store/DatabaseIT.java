package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pitot.web.postgres.TestPostgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DatabaseIT {
    private Database ingest;
    private Database queries;
    private final List<Connection> taken = new ArrayList<>();

    @BeforeEach
    void open() throws Exception {
        TestPostgres.Database fresh = TestPostgres.freshDatabase();
        ingest = Database.open(DatabaseSettings.of(fresh.url(), fresh.user(), fresh.password())
                .withConnections(DatabaseSettings.FEWEST_CONNECTIONS));
        queries = ingest.openForQueries();
    }

    @AfterEach
    void close() throws Exception {
        for (Connection connection : taken) {
            connection.close();
        }
        queries.close();
        ingest.close();
    }

    @Test
    void queriesThatHoldAllTheirConnectionsLeaveIngestItsOwn() throws Exception {
        takeAllForQueries();
        assertThatThrownBy(queries::connection).isInstanceOf(Database.BusyException.class);
        try (Connection connection = ingest.connection();
                Statement statement = connection.createStatement()) {
            statement.execute("create table of_ingest (n int)");
        }
        assertThat(ingest.answers()).isTrue();
        taken.remove(0).close();
        assertThat(queries.answers()).isTrue();
    }

    @Test
    void whoAsksWhenManyWaitIsRefusedAtOnce() throws Exception {
        takeAllForQueries();
        int most = 4 * queries.use().most();
        List<Thread> waiting = new ArrayList<>();
        for (int i = 0; i < most; i++) {
            Thread thread = new Thread(queries::answers);
            thread.start();
            waiting.add(thread);
        }
        await().until(() -> queries.use().waiting() == most);
        // Those that wait are refused after 2 s, with a reason of the pool's own.
        assertThatThrownBy(queries::connection)
                .isInstanceOf(Database.BusyException.class)
                .hasNoCause();
        for (Thread thread : waiting) {
            thread.join();
        }
    }

    @Test
    void whatPeopleAskReadsOnlyAndEnds() throws Exception {
        try (Connection connection = queries.connection();
                Statement statement = connection.createStatement()) {
            try (ResultSet row = statement.executeQuery("show statement_timeout")) {
                row.next();
                assertThat(row.getString(1)).isEqualTo("15s");
            }
            assertThatThrownBy(() -> statement.execute("delete from jvm"))
                    .isInstanceOfSatisfying(
                            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("25006"));
            statement.execute("set statement_timeout = '1ms'");
            assertThatThrownBy(() -> statement.execute("select pg_sleep(60)"))
                    .isInstanceOfSatisfying(SQLException.class, e -> assertThat(Database.isTooSlow(e))
                            .isTrue());
        }
    }

    private void takeAllForQueries() throws SQLException {
        for (int i = queries.use().most(); i > 0; i--) {
            taken.add(queries.connection());
        }
    }
}
