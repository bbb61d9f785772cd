package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.web.postgres.TestPostgres;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An application on PostgreSQL and HikariCP gets nothing but the flag, and what its statements cost can be asked in SQL. */
class SqlStatementsIT {
    private static final int TIMES = 5;

    @TempDir
    Path folder;

    @Test
    void statementsAndWaitsOfAnApplicationAreCountedExactlyWithOnlyTheFlagAdded() throws Exception {
        List<Jdks.Jdk> jdks = List.copyOf(Jdks.all());
        Jdks.Jdk newest = jdks.get(jdks.size() - 1);
        TestPostgres.Database database = TestPostgres.freshDatabase();
        try (CollectorProcess collector = new CollectorProcess(folder.resolve("collector"))) {
            collector.start();
            Path portFile = folder.resolve("port");
            List<String> command = List.of(
                    newest.tool("java").toString(),
                    "-Xmx128m",
                    "-javaagent:" + System.getProperty("pitot.test.agentJar") + "=" + collector.agentArguments()
                            + ",service=shop",
                    "-cp",
                    classPath(),
                    SqlApplication.class.getName(),
                    database.url(),
                    database.user(),
                    database.password(),
                    portFile.toString());
            try (Child shop = Child.start(folder, "shop", Map.of(), command)) {
                await("the shop listens").atMost(Duration.ofSeconds(60)).until(() -> Files.exists(portFile));
                await("the agent has started")
                        .atMost(Duration.ofSeconds(60))
                        .ignoreExceptions()
                        .until(() -> collector.jvm("shop") != null);
                URI base = URI.create(
                        "http://127.0.0.1:" + Files.readString(portFile).strip());
                assertThat(get(base, "/fill")).isEqualTo(SqlApplication.ORDERS + " orders");
                for (int i = 0; i < TIMES; i++) {
                    assertThat(get(base, "/orders").lines())
                            .hasSize(SqlApplication.ORDERS)
                            .contains("Smith 1");
                }
                assertThat(get(base, "/broken")).isEqualTo("42P01 2");
                assertThat(get(base, "/exhausted")).isEqualTo("exhausted");

                await("every statement is in SQL")
                        .atMost(Duration.ofSeconds(30))
                        .untilAsserted(() -> {
                            assertThat(rows(collector, """
                                    select sql, sum(count), sum(errors), sum(batched) from statement_seconds group by 1
                                    """))
                                    .containsAllEntriesOf(Map.of(
                                            "create table orders(id int primary key, customer text)",
                                            "1 0 0",
                                            "insert into orders values (?)",
                                            "1 0 " + SqlApplication.ORDERS,
                                            "select id from orders order by id",
                                            TIMES + " 0 0",
                                            "select customer from orders where id = ? and customer <> ?",
                                            TIMES * SqlApplication.ORDERS + " 0 0",
                                            "delete from nowhere where customer = ?",
                                            "1 1 0",
                                            "delete from orders where id = ?",
                                            "1 1 2"));
                            assertThat(rows(collector, """
                                    select data ->> 'pool', sum((data ->> 'count')::int), sum((data ->> 'errors')::int)
                                    from event where type = 'pitot.PoolSummary' group by 1
                                    """)).containsEntry("shop", 1 + TIMES + 1 + 3 + " 1");
                            assertThat(rows(collector, """
                                    select data ->> 'route', sum((data ->> 'count')::int),
                                           sum((data ->> 'sqlStatements')::int)
                                    from event where type = 'pitot.EndpointSummary' group by 1
                                    """))
                                    .containsEntry("/orders", TIMES + " " + TIMES * (1 + SqlApplication.ORDERS));
                        });
                assertThat(rows(collector, """
                                select data ->> 'error', count(*), count(data ->> 'parentSpanId') from event
                                where type = 'pitot.SqlStatement' and (data ->> 'failed')::boolean group by 1
                                """))
                        .isEqualTo(Map.of(
                                "org.postgresql.util.PSQLException", "1 1", "java.sql.BatchUpdateException", "1 1"));
                assertThat(rows(collector, """
                                select data ->> 'pool', count(*) from event
                                where type = 'pitot.ConnectionWait' and (data ->> 'failed')::boolean
                                  and (data ->> 'duration')::float8 > 200e6 group by 1
                                """)).isEqualTo(Map.of("shop", "1"));
                assertThat(rows(
                                collector,
                                "select type, count(*) from event where data::text ~ 'Smith|Jones' group by 1"
                                        + " union all select sql, 1 from sql_text where sql ~ 'Smith|Jones'"))
                        .as("values of the application that left it")
                        .isEmpty();
                for (String question : questions()) {
                    assertThat(rows(collector, question)).as(question).isNotEmpty();
                }
                assertThat(shop.err())
                        .as("what the agent adds to stderr")
                        .doesNotContain("[pitot]")
                        .doesNotContain("Exception: dev.pitot");
            }
        }
    }

    private static String classPath() {
        String own = Path.of("target", "test-classes").toAbsolutePath().toString();
        return Stream.concat(
                        Stream.of(own),
                        Arrays.stream(System.getProperty(
                                                "surefire.test.class.path", System.getProperty("java.class.path"))
                                        .split(File.pathSeparator))
                                .filter(entry -> entry.matches(".*/(HikariCP|postgresql|slf4j-api)-[^/]*\\.jar")))
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** Those of the page, which ask about a service of this name. */
    private static List<String> questions() throws IOException {
        List<String> questions = new ArrayList<>();
        Pattern.compile("```sql\\n(.*?);\\n```", Pattern.DOTALL)
                .matcher(Files.readString(Path.of("../docs/sql-statements.md")))
                .results()
                .forEach(match -> questions.add(match.group(1)));
        assertThat(questions).hasSize(5);
        return questions;
    }

    private static String get(URI base, String path) throws Exception {
        HttpResponse<String> response = HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(base.resolve(path)).build(), HttpResponse.BodyHandlers.ofString());
        assertThat(response.statusCode()).as(path).isEqualTo(200);
        return response.body();
    }

    /** First column to the others. */
    private static Map<String, String> rows(CollectorProcess collector, String query) throws Exception {
        Map<String, String> rows = new TreeMap<>();
        try (Connection connection = collector.database().connect();
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(query)) {
            int columns = result.getMetaData().getColumnCount();
            while (result.next()) {
                StringBuilder rest = new StringBuilder();
                for (int column = 2; column <= columns; column++) {
                    rest.append(column == 2 ? "" : " ").append(result.getString(column));
                }
                rows.put(String.valueOf(result.getString(1)), rest.toString());
            }
        }
        return rows;
    }
}
