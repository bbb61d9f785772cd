package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.postgres.TestPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What {@code docs/database-roles.md} has an administrator run, run; and the collector as the role that it makes. */
class LeastPrivilegeIT {
    private static final Path PAGE = Path.of("../docs/database-roles.md");
    private static final Pattern SCRIPT = Pattern.compile("```sql\n(.*?)```", Pattern.DOTALL);

    private final TestPostgres.Roles roles = TestPostgres.freshRoles();

    @Test
    void aRoleThatHasASchemaAndNothingElseIsEnoughAndOneThatReadsSeesFuturePartitions() throws Exception {
        List<String> scripts = scripts();
        assertThat(scripts).hasSize(2);
        roles.asAdministrator(scripts.get(0));
        TestPostgres.Database at = roles.database("pitot");
        Instant now = Instant.now();
        try (Database database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
                Database queries = database.openForQueries()) {
            new Partitions(database, RetentionSettings.standard(), Clock.systemUTC()).maintain();
            refused(at, "create temporary table t (n int)", "42501");
            refused(at, "create table public.t (n int)", "42501");
            refused(at, "create schema other", "42501");
            assertThat(ask(at, "select tableowner || ' ' || schemaname from pg_tables where tablename = 'event'"))
                    .containsExactly(at.user() + " pitot");
            storeTwice(database, now);
            assertThat(new Queries(queries).jvms()).isEmpty();

            roles.asAdministrator(scripts.get(1));
            TestPostgres.Database reader = roles.database("pitot_reader");
            assertThat(ask(reader, "select count(*) from event")).containsExactly("3");
            assertThat(ask(reader, "select count(*) from samples")).containsExactly("0");
            refused(reader, "select secret from collector", "42501");
            refused(reader, "delete from event", "25006");
            refused(reader, "set transaction read write; delete from event", "42501");
            refused(reader, "set transaction read write; create temporary table t (n int)", "42501");
            // What is made after the grants is read too.
            new Partitions(database, RetentionSettings.standard(), Clock.offset(Clock.systemUTC(), Duration.ofDays(30)))
                    .maintain();
            String later = Partitions.Table.EVENT
                    .part(now.plus(Duration.ofHours(30 * 24 + 6)))
                    .name();
            assertThat(ask(reader, "select count(*) from " + later)).containsExactly("0");
        }
    }

    /** Of a chunk that seemed to end and then went on: some of its events are stored already. */
    private static void storeTwice(Database database, Instant now) throws SQLException {
        UUID jvm = new UUID(0, 1);
        EventStore store = new EventStore(
                database, new Partitions(database, RetentionSettings.standard(), Clock.fixed(now, ZoneOffset.UTC)));
        try (Connection c = database.connection();
                Statement s = c.createStatement()) {
            s.execute("insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen)"
                    + " values ('" + jvm + "', 7, 1, now(), 'open', now(), now())");
        }
        long nanos = now.getEpochSecond() * 1_000_000_000L + 123_456_000;
        EventStore.Rows first = store.rows();
        first.add(jvm, "t", nanos, 7, 1, "{\"n\":1}");
        first.add(jvm, "t", nanos, 7, 2, "{\"n\":2}");
        assertThat(store.store(jvm, 7, 0, 10, false, null, first)).isTrue();
        EventStore.Rows second = store.rows();
        second.add(jvm, "t", nanos, 7, 2, "{\"n\":\"other\"}");
        second.add(jvm, "ü", nanos, 7, 3, "{\"n\":\"\\\"{}, äß\"}");
        assertThat(store.store(jvm, 7, 10, 20, false, null, second)).isTrue();
        List<String> stored = new ArrayList<>();
        try (Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(
                        "select type || chunk_offset || data::text || extract(epoch from ts) from event order by chunk_offset")) {
            while (rows.next()) {
                stored.add(rows.getString(1));
            }
        }
        String time = now.getEpochSecond() + ".123456";
        assertThat(stored)
                .containsExactly("t1{\"n\": 1}" + time, "t2{\"n\": 2}" + time, "ü3{\"n\": \"\\\"{}, äß\"}" + time);
    }

    private static List<String> scripts() throws Exception {
        List<String> scripts = new ArrayList<>();
        for (Matcher block = SCRIPT.matcher(Files.readString(PAGE)); block.find(); ) {
            scripts.add(block.group(1));
        }
        return scripts;
    }

    private static List<String> ask(TestPostgres.Database at, String sql) throws SQLException {
        List<String> values = new ArrayList<>();
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(sql)) {
            while (rows.next()) {
                values.add(rows.getString(1));
            }
        }
        return values;
    }

    private static void refused(TestPostgres.Database at, String sql, String state) {
        assertThatThrownBy(() -> {
                    try (Connection c = at.connect();
                            Statement s = c.createStatement()) {
                        s.execute(sql);
                    }
                })
                .isInstanceOfSatisfying(
                        SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(state));
    }
}
