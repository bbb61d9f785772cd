package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.postgres.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract that lets the schema be distributed by JVM, read from the catalog of a migrated database and from the sources. */
class DistributionIT {
    /** Small tables that are the same on each machine, or on one only. A table that is not named here is distributed by JVM. */
    private static final Set<String> SMALL = Set.of("schema_version", "collector", "setting", "audit");

    private static final Pattern ON_CONFLICT =
            Pattern.compile("insert into (\\w+)((?:(?!insert into)[\\s\\S])*?)on conflict\\s*\\(([^)]*)\\)");

    private static Database database;

    @BeforeAll
    static void migrate() throws StoreException {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
    }

    @AfterAll
    static void close() {
        database.close();
    }

    private static List<String> rows(String sql) throws SQLException {
        try (Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(sql)) {
            List<String> found = new ArrayList<>();
            while (rows.next()) {
                found.add(rows.getString(1));
            }
            return found;
        }
    }

    /** Tables of JVMs, partitioned or not, without their partitions. */
    private static Set<String> hotTables() throws SQLException {
        Set<String> tables = new TreeSet<>(rows("""
                select relname from pg_class
                where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"""));
        tables.removeAll(SMALL);
        assertThat(tables).contains("jvm", "chunk", "segment", "event", "metric_block", "metric_1m");
        return tables;
    }

    @Test
    void theJvmLeadsEveryKeyOfEveryHotTable() throws SQLException {
        for (String table : hotTables()) {
            List<String> leading = rows("""
                    select attname from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
                    where indisunique and indrelid = '%s'::regclass""".formatted(table));
            assertThat(leading)
                    .as("first columns of the unique keys of %s", table)
                    .isNotEmpty()
                    .containsOnly("jvm_id");
        }
    }

    @Test
    void thePartitionKeyIsPartOfEveryUniqueKey() throws SQLException {
        assertThat(rows("""
                        select p.partrelid::regclass || '.' || attname
                        from pg_partitioned_table p cross join unnest(p.partattrs::int2[]) as part
                        join pg_attribute a on a.attrelid = p.partrelid and a.attnum = part
                        join pg_index i on i.indrelid = p.partrelid and i.indisunique
                        where not part = any (i.indkey::int2[])""")).isEmpty();
        assertThat(rows("select partrelid::regclass from pg_partitioned_table"))
                .contains("segment", "event", "metric_block");
    }

    @Test
    void noTableHasASequenceAnIdentityOrAForeignKey() throws SQLException {
        assertThat(rows("select relname from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace"))
                .isEmpty();
        assertThat(rows("""
                        select attrelid::regclass || '.' || attname from pg_attribute
                        join pg_class on pg_class.oid = attrelid
                        where relnamespace = 'public'::regnamespace and attidentity <> ''""")).isEmpty();
        assertThat(rows("select conname from pg_constraint where contype = 'f'"))
                .isEmpty();
    }

    @Test
    void everyConflictIsOnAKeyOfOneJvm() throws Exception {
        Set<String> hot = hotTables();
        List<String> seen = new ArrayList<>();
        for (String source : sources()) {
            Matcher conflict = ON_CONFLICT.matcher(source);
            while (conflict.find()) {
                if (hot.contains(conflict.group(1))) {
                    seen.add(conflict.group(1));
                    assertThat(conflict.group(3).strip())
                            .as("the conflict target of %s", conflict.group(1))
                            .matches("jvm_id\\b[\\s\\S]*");
                }
            }
        }
        assertThat(seen).contains("jvm", "metric_block", "sql_text");
    }

    @Test
    void theScriptForCitusNamesEveryTable() throws Exception {
        String script = Files.readString(Path.of("../docs/citus.sql"));
        for (String table : hotTables()) {
            assertThat(script).contains("create_distributed_table('" + table + "', 'jvm_id'");
        }
        for (String table : SMALL) {
            if (!table.equals("schema_version")) {
                assertThat(script).contains("create_reference_table('" + table + "')");
            }
        }
        for (String function : rows("select proname from pg_proc where pronamespace = 'public'::regnamespace"
                + " and starts_with(proname, 'pitot_')")) {
            assertThat(script).contains("create_distributed_function('" + function + "(");
        }
    }

    @Test
    void noTableHasATrigger() throws SQLException {
        assertThat(rows("select tgname from pg_trigger where not tgisinternal")).isEmpty();
    }

    private static List<String> sources() throws IOException {
        List<String> sources = new ArrayList<>();
        try (Stream<Path> files = Files.walk(Path.of("src/main"))) {
            for (Path file :
                    files.filter(f -> f.toString().matches(".*\\.(java|sql)")).toList()) {
                sources.add(Files.readString(file));
            }
        }
        return sources;
    }
}
