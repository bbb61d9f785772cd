package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pitot.web.postgres.TestPostgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Control messages of two collectors on one real database. */
class ControlIT {
    private Database database;
    private Control one;
    private Control other;
    private final List<String> heardByOne = new CopyOnWriteArrayList<>();
    private final List<String> heardByOther = new CopyOnWriteArrayList<>();

    @BeforeEach
    void connect() throws StoreException {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
        one = new Control(database);
        one.listen(heardByOne::add);
        other = new Control(database);
        other.listen(heardByOther::add);
        await().until(() -> listening() == 2);
    }

    @AfterEach
    void disconnect() {
        one.close();
        other.close();
        database.close();
    }

    private int listening() throws SQLException {
        return number("select count(*) from pg_stat_activity where datname = current_database()"
                + " and application_name = 'pitot control' and query ilike any (array['listen %', 'select 1'])");
    }

    private int number(String sql) throws SQLException {
        try (Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet row = s.executeQuery(sql)) {
            row.next();
            return row.getInt(1);
        }
    }

    @Test
    void whatOneSaysAllHearAndManyTimesTheSameIsSaidOnce() {
        for (int i = 0; i < 1_000; i++) {
            one.say("settings");
        }
        one.say("the end");
        await().untilAsserted(() -> assertThat(heardByOne).contains("the end"));
        await().untilAsserted(() -> assertThat(heardByOther).contains("settings", "the end"));
        assertThat(heardByOther).filteredOn("settings"::equals).hasSizeLessThan(10);
    }

    @Test
    void tooManyMessagesBecomeOneThatStandsForAll() {
        for (int i = 0; i < 100_000; i++) {
            one.say("message " + i);
        }
        await().untilAsserted(() -> assertThat(heardByOther).contains("message 99999"));
        assertThat(heardByOther)
                .contains(Control.EVERYTHING)
                .filteredOn(m -> m.startsWith("message"))
                .hasSizeLessThan(200);
    }

    @Test
    void whoLostTheConnectionIsToldToLoadEverythingAndHearsAgain() throws Exception {
        heardByOther.clear();
        number("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()"
                + " and application_name = 'pitot control'");
        await().untilAsserted(() -> assertThat(heardByOther).contains(Control.EVERYTHING));
        one.say("settings");
        await().untilAsserted(() -> assertThat(heardByOther).contains("settings"));
    }

    @Test
    void aListenerThatFailsDoesNotKeepTheOthersFromHearing() {
        one.listen(message -> {
            throw new IllegalStateException("a failure of this test");
        });
        one.listen(heardByOne::add);
        one.say("settings");
        await().untilAsserted(() ->
                assertThat(heardByOne).filteredOn("settings"::equals).hasSize(2));
    }

    @Test
    void aMessageThatIsNoLineIsRefused() {
        assertThatThrownBy(() -> one.say("x".repeat(201))).hasMessageContaining("1 to 200 characters, not 201");
    }
}
