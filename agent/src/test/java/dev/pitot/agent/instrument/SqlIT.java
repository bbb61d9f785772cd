package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.sql.DataSource;
import javax.tools.ToolProvider;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SqlIT {
    private static final String MAIN = "dev.pitot.agent.target.SqlTarget";

    @TempDir
    Path folder;

    @TempDir
    static Path shared;

    /** What the program prints without the agent. */
    private static String plain;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private TargetJvm start(TargetJvm.Jdk jdk, String arguments) throws IOException {
        try (Stream<Path> jars =
                Files.list(Path.of(System.getProperty("pitot.test.servers")).resolve("jdbc"))) {
            String classPath = TargetJvm.codeSource(MAIN)
                    + File.pathSeparator
                    + oddDriver()
                    + File.pathSeparator
                    + String.join(File.pathSeparator, jars.map(Path::toString).toList());
            return TargetJvm.start(jdk, folder, classPath, MAIN, arguments, "-Dderby.stream.error.file=/dev/null");
        }
    }

    /** A driver of which nothing is known but that it is one, and classes that only sound like one. */
    private Path oddDriver() throws IOException {
        Path sources = shared.resolve("odd");
        Path classes = shared.resolve("classes");
        if (Files.exists(sources)) {
            return classes;
        }
        Files.createDirectories(sources);
        Files.writeString(
                sources.resolve("OddStatement.java"), source("OddStatement", PreparedStatement.class, """
                            String sql;
                            public boolean execute() { return false; }
                            public int executeUpdate() { return execute() ? 1 : sql.length(); }
                            public void close() {}
                        """, ""));
        Files.writeString(
                sources.resolve("OddConnectionV1.java"), source("OddConnectionV1", Connection.class, """
                            public java.sql.Statement createStatement() { return new OddStatement(); }
                            public java.sql.PreparedStatement prepareStatement(String sql) {
                                OddStatement made = new OddStatement();
                                made.sql = sql;
                                return made;
                            }
                            private void own() {
                                OddStatement made = new OddStatement();
                                made.sql = "of its own";
                                made.executeUpdate();
                            }
                        """, "own();"));
        Files.writeString(sources.resolve("OddDataSource.java"), source("OddDataSource", DataSource.class, """
                            final javax.sql.DataSource other;
                            public OddDataSource(javax.sql.DataSource other) { this.other = other; }
                            public java.sql.Connection getConnection() throws java.sql.SQLException {
                                return other == null ? new OddConnectionV1() : other.getConnection();
                            }
                        """, ""));
        Files.writeString(sources.resolve("ReturnStatement.java"), """
                package odd;
                public class ReturnStatement {
                    public int executeUpdate(String sql) throws java.sql.SQLException { return sql.length(); }
                }
                """);
        Files.writeString(sources.resolve("OpenDataSource.java"), """
                package odd;
                public class OpenDataSource {
                    public java.sql.Connection getConnection() { return null; }
                }
                """);
        try (Stream<Path> files = Files.list(sources)) {
            String[] arguments = Stream.concat(
                            Stream.of("--release", "17", "-proc:none", "-d", classes.toString()),
                            files.map(Path::toString))
                    .toArray(String[]::new);
            ByteArrayOutputStream messages = new ByteArrayOutputStream();
            assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, messages, arguments))
                    .as(messages.toString())
                    .isZero();
        }
        return classes;
    }

    /** Whatever the body lacks is refused, after something else. */
    private static String source(String name, Class<?> type, String body, String before) {
        StringBuilder source =
                new StringBuilder("package odd;\npublic class " + name + " implements " + type.getName());
        source.append(" {\n").append(body);
        for (Method method : type.getMethods()) {
            StringBuilder signature = new StringBuilder(method.getName()).append('(');
            for (Class<?> parameter : method.getParameterTypes()) {
                signature.append(signature.toString().endsWith("(") ? "" : ", ");
                signature.append(parameter.getCanonicalName()).append(" p").append(signature.length());
            }
            String head = signature.append(')').toString();
            String declared = head.replaceAll("java\\.lang\\.String p\\d+", "String sql");
            if (Modifier.isAbstract(method.getModifiers()) && !body.contains(" " + declared)) {
                source.append("public ").append(method.getReturnType().getCanonicalName());
                source.append(' ').append(head).append(" { ").append(before);
                source.append(" throw new UnsupportedOperationException(); }\n");
            }
        }
        return source.append("}\n").toString();
    }

    private static Map<String, String> counts(TargetJvm.Result result) {
        Map<String, long[]> sums = new TreeMap<>();
        for (RecordedEvent event : result.of("pitot.StatementSummary")) {
            long[] sum = sums.computeIfAbsent(event.getString("sql"), missing -> new long[3]);
            sum[0] += event.getLong("count");
            sum[1] += event.getLong("errors");
            sum[2] += event.getLong("batched");
        }
        Map<String, String> counts = new TreeMap<>();
        sums.forEach((sql, sum) -> counts.put(sql, sum[0] + " run, " + sum[1] + " failed, " + sum[2] + " batched"));
        return counts;
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void everyStatementOfAnyDriverIsCountedOnceUnderItsTextAndTheProgramSeesNoneOfIt(TargetJvm.Jdk jdk)
            throws Exception {
        if (plain == null) {
            try (TargetJvm target = start(jdk, null)) {
                plain = target.finish().out();
            }
        }
        try (TargetJvm target = start(jdk, "sql.slow=10000ms,sql.events=100000")) {
            TargetJvm.Result result = target.finish();

            assertThat(result.out()).isEqualTo(plain).endsWith("end\n");
            assertThat(result.status("sql").getString("state"))
                    .as(result.status("sql").getString("reason"))
                    .isEqualTo("on");
            // Each by four drivers, but for those of the pools, by H2, and of the unknown driver; SQLite adds its
            // pragma.
            assertThat(counts(result))
                    .containsAllEntriesOf(Map.of(
                            "create table item(id int primary key, name varchar(?))", "4 run, 0 failed, 0 batched",
                            // Of the batch that fails one driver tells three, the others none.
                            "insert into item values (?)", "20 run, 4 failed, 23 batched",
                            "select name from item where id = ?", "52 run, 0 failed, 0 batched",
                            "update item set name = ? where id = ?", "4 run, 0 failed, 8 batched",
                            "delete from item where name = ?", "4 run, 0 failed, 4 batched",
                            "select nothing from nowhere where name = ?", "4 run, 4 failed, 0 batched",
                            "call abs(?)", "2 run, 0 failed, 0 batched",
                            "select count(*) from item", "12 run, 0 failed, 0 batched",
                            "odd ?", "3 run, 1 failed, 0 batched"))
                    .hasSize(11);
            assertThat(result.of("pitot.SqlStatement"))
                    .filteredOn(event -> event.getBoolean("failed"))
                    .extracting(event -> event.getString("error"))
                    .contains(
                            "org.h2.jdbc.JdbcSQLSyntaxErrorException",
                            "java.sql.SQLSyntaxErrorException",
                            "java.lang.UnsupportedOperationException");
            assertThat(result.events().toString()).doesNotContain("Smith");

            List<RecordedEvent> waits = result.of("pitot.ConnectionWait");
            assertThat(waits)
                    .extracting(event -> event.getString("pool"))
                    .hasSize(20)
                    .containsOnly(
                            "odd.OddDataSource", // Asks no other.
                            "org.h2.jdbcx.JdbcConnectionPool",
                            "org.apache.commons.dbcp2.BasicDataSource",
                            "org.apache.tomcat.jdbc.pool.DataSource");
            assertThat(waits)
                    .filteredOn(event -> "odd.OddDataSource".equals(event.getString("pool")))
                    .hasSize(2);
            assertThat(waits)
                    .filteredOn(event -> event.getBoolean("failed"))
                    .extracting(event -> event.getString("error"))
                    .containsExactlyInAnyOrder(
                            "java.sql.SQLException",
                            "org.apache.tomcat.jdbc.pool.PoolExhaustedException",
                            "java.lang.UnsupportedOperationException");
        }
    }
}
