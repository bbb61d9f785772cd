package dev.pitot.web.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseCopy;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.Partitions;
import dev.pitot.web.store.RetentionSettings;
import dev.pitot.web.store.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** The data of an older major version, made by that version's programs; see the profile {@code postgres-versions}. */
@EnabledIfSystemProperty(named = "pitot.test.postgres", matches = ".+")
class UpgradeIT {
    private static final String ROWS = """
            select md5(string_agg(t::text, E'\\n' order by t::text)) from (
                select 'e', e::text from event e union all select 's', s::text from segment s
                union all select 'j', j::text from jvm j union all select 'm', m::text from metric_block m) t""";

    private final Path source = Path.of(System.getProperty("pitot.test.postgres", ""));
    private final Path data = TestPostgres.reachableFolder("upgrade");
    private final List<String> steps = new ArrayList<>();
    private final List<String> leftOut = new ArrayList<>();
    private OtherPostgres old;
    private String major = "";
    private String rows = "";

    @BeforeEach
    void makeOldData() throws Exception {
        Binaries.delete(data);
        PrivateFolder.makeDirectory(data, "rwx------");
        ServiceAccount.choose(data.resolve("none")).letThrough(data);
        Path folder = data.resolve("postgres");
        old = OtherPostgres.start(source, folder);
        String password = PrivateFolder.secret(folder.resolve("password"));
        EmbeddedPostgres.createRoleAndDatabase(old.server().port(), folder, OtherPostgres.SUPERUSER_PASSWORD, password);
        try (Database database = Database.open(DatabaseSettings.of(url(), "pitot", password))) {
            new Partitions(database, RetentionSettings.standard(), Clock.systemUTC()).maintain();
            try (Connection c = database.connection();
                    Statement s = c.createStatement()) {
                s.execute(
                        "insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels,"
                                + " first_seen, last_seen, ended, clock_skew_ns) values ('00000000-0000-0000-0000-000000000001', 'shöp',"
                                + " 'h', 1, now(), '1', '17', 'x', '{\"zone\": \"b\"}', now(), now(), false, 0)");
                s.execute(
                        "insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data)"
                                + " select '00000000-0000-0000-0000-000000000001', 't', now(), 7, n,"
                                + " jsonb_build_object('n', n, 'text', repeat(md5(n::text), n % 200)) from generate_series(1, 20000) n");
                // Pages with gaps, which a copy fills in another order.
                s.execute("delete from event where chunk_offset % 3 = 0");
                s.execute("insert into segment (jvm_id, chunk_start, chunk_offset, day, length, header, bytes)"
                        + " select '00000000-0000-0000-0000-000000000001', 7, n, current_date, 100, '\\x00ff', decode(repeat(md5(n::text),"
                        + " 3000), 'hex') from generate_series(1, 50) n");
                s.execute("insert into metric_block (jvm_id, type, ts, n, data, key)"
                        + " select '00000000-0000-0000-0000-000000000001', 'm', date_trunc('minute', now()), 2,"
                        + " '{\"v\": [1.5, null]}', 'key ' || n from generate_series(1, 100) n");
                s.execute("comment on table " + partition(s) + " is 'kept'");
                s.execute("create view of_mine as select count(*) from event");
                rows = value(s, ROWS);
                major = value(s, "select current_setting('server_version_num')::int / 10000");
            }
        }
        old.server().stop(old.server().pid());
    }

    @AfterEach
    void removeData() throws IOException {
        old.server().stop(old.server().pid());
        Binaries.delete(data);
    }

    private String url() {
        return EmbeddedPostgres.url(old.server().port(), "pitot");
    }

    private static String partition(Statement s) throws SQLException {
        return value(s, "select min(inhrelid::regclass::text) from pg_inherits where inhparent = 'event'::regclass");
    }

    private static String value(Statement s, String sql) throws SQLException {
        try (ResultSet row = s.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private boolean upgrade(ClusterUpgrade.Copy copy) {
        return ClusterUpgrade.run(data, old.binaries(), steps::add, copy);
    }

    private void copy(ClusterUpgrade.Side from, ClusterUpgrade.Side to) {
        try {
            leftOut.addAll(
                    DatabaseCopy.run(settings(from), settings(to), steps::add).leftOut());
        } catch (StoreException e) {
            throw new AssertionError(e);
        }
    }

    private static DatabaseSettings settings(ClusterUpgrade.Side side) {
        return DatabaseSettings.of(side.jdbcUrl(), side.user(), side.password());
    }

    @Test
    void dataOfAnOlderVersionIsCopiedWholeAndTheOldOneIsKept() throws Exception {
        Path cluster = data.resolve("postgres/data");
        assertThatThrownBy(() -> EmbeddedPostgres.start(data, steps::add))
                .isInstanceOf(PostgresException.class)
                .hasMessageContaining("was written by PostgreSQL " + major)
                .hasMessageContaining("db upgrade --data " + data);

        assertThatThrownBy(() -> upgrade((from, to) -> {
                    copy(from, to);
                    throw new IllegalStateException("the plug is pulled");
                }))
                .hasMessage("the plug is pulled");
        assertThat(cluster.resolve("PG_VERSION")).hasContent(major);
        assertThat(Postmaster.processesIn(cluster)).isEmpty();

        leftOut.clear();
        assertThat(upgrade(this::copy)).isTrue();
        assertThat(leftOut).containsExactly("of_mine");
        assertThat(cluster.resolve("PG_VERSION")).hasContent(Binaries.MAJOR);
        Path kept = data.resolve("postgres/data.old-" + major);
        assertThat(kept.resolve("PG_VERSION")).hasContent(major);
        assertThat(upgrade(this::copy)).as("nothing is left to do").isFalse();

        // As after a power cut between the two renames.
        Files.move(cluster, cluster.resolveSibling("data.upgraded"));
        try (EmbeddedPostgres postgres = EmbeddedPostgres.start(data, steps::add);
                Database database =
                        Database.open(DatabaseSettings.of(postgres.jdbcUrl(), postgres.user(), postgres.password()));
                Connection c = database.connection();
                Statement s = c.createStatement()) {
            assertThat(value(s, "show server_version")).startsWith(Binaries.MAJOR + ".");
            assertThat(value(s, ROWS)).isEqualTo(rows);
            assertThat(value(s, "select obj_description('" + partition(s) + "'::regclass)"))
                    .isEqualTo("kept");
        }
        assertThat(ClusterUpgrade.dropOld(data, steps::add)).isTrue();
        assertThat(kept).doesNotExist();
        assertThat(ClusterUpgrade.dropOld(data, steps::add)).isFalse();
    }
}
