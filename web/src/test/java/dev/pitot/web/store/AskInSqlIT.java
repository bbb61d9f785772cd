package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.pitot.web.postgres.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The questions of docs/sql.md, and the formulas of docs/spec/metrics.md, on samples whose answers are known. */
class AskInSqlIT {
    private static final UUID JVM = new UUID(0, 9);
    /** A minute of blocks, a few minutes ago. */
    private static final long MINUTE = (System.currentTimeMillis() / 60_000 - 3) * 60_000;

    private static TestPostgres.Database at;
    private static Connection connection;
    private static Database database;

    @BeforeAll
    static void fill() throws Exception {
        at = TestPostgres.freshDatabase();
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
        Partitions partitions = new Partitions(database, RetentionSettings.standard(), Clock.systemUTC());
        partitions.maintain();
        connection = at.connect();
        try (Statement s = connection.createStatement()) {
            s.execute("""
                    insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, first_seen,
                        last_seen, ended, clock_skew_ns)
                    select '%s', 'shop', 'h', 1, now(), '1', '17', 'HotSpot', '{}', now(), now(), false, 0""".formatted(JVM));
            s.execute("""
                    insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data) values
                    ('%1$s', 'pitot.HttpRequest', now(), 1, 1, '{"route": "/a", "duration": 5000000}'),
                    ('%1$s', 'pitot.AgentStatus', now(), 1, 2, '{"part": "http", "state": "off", "reason": "why"}'),
                    ('%1$s', 'pitot.EndpointSummary', now(), 1, 3, '{"route": "/a", "count": 2, "measured": 2, "totalCpuTime": 8000000, "async": 1,
                        "totalDuration": 5000000}'),
                    ('%1$s', 'pitot.EndpointSummary', now(), 1, 4, '{"method": "GET", "route": "/b", "count": 4, "async": 4, "untimed": 0, "totalDuration": 100000000, "histogram": "343:3 375:1",
                        "measured": 2, "totalCpuTime": 6000000, "totalRunQueueWait": 1000000, "counted": 2, "totalCycles": 4000, "totalInstructions": 2000,
                        "totalCacheMisses": 100, "totalBranchMisses": null, "totalTimeOnCpu": 20000000, "totalTimeSql": 70000000, "totalTimePool": 5000000,
                        "totalTimeUnknown": 5000000, "sqlStatements": 44, "sqlDuration": 70000000}'),
                    ('%1$s', 'pitot.StatementSummary', now(), 1, 5, '{"statement": "0f", "count": 40, "untimed": 0, "totalDuration": 60000000, "maxDuration": 9000000}'),
                    ('%1$s', 'pitot.StatementSummary', now(), 1, 6, '{"statement": "0e", "count": 4, "untimed": 0, "totalDuration": 10000000, "maxDuration": 3000000}'),
                    ('%1$s', 'pitot.SqlStatement', now(), 1, 7, '{"statement": "0f", "duration": 9000000, "timeSocket": 9000000, "parentSpanId": "ab"}'),
                    ('%1$s', 'pitot.HttpCall', now(), 1, 8, '{"target": "a:80", "status": 200, "duration": 5000000, "parentSpanId": "ab"}'),
                    ('%1$s', 'pitot.ConnectionWait', now(), 1, 9, '{"pool": "main", "duration": 1, "failed": true}'),
                    ('%1$s', 'pitot.CallSummary', now(), 1, 10, '{"target": "a:80", "count": 1, "totalDuration": 5000000}'),
                    ('%1$s', 'pitot.PoolSummary', now(), 1, 11, '{"pool": "main", "count": 1, "totalDuration": 500}'),
                    ('%1$s', 'pitot.LoggedErrors', now(), 1, 12, '{"logger": "a.B", "error": "", "count": 3}')""".formatted(JVM));
            s.execute("update jvm set labels = '{\"version\": \"1.5\"}'");
            for (String tier : List.of("1m", "15m", "1h")) {
                s.execute("""
                        insert into metric_%2$s (jvm_id, type, key, ts, n, agg, hist)
                        select '%1$s', type, key, date_trunc('hour', now()), 60, agg::jsonb, hist::jsonb from (values
                        ('pitot.EndpointSummary', 'GET /b c', '{"count": 5, "errors": 1, "measured": 2, "totalCpuTime": 8000000, "totalAllocated": 3000,
                            "duration": [4, null, 98000000, 175000000], "counterRunning": [2, 1], "counterSource": "perf", "unfollowedTasks": 3}',
                            '{"duration": "1416:3 32"}'),
                        ('pitot.StatementSummary', '0f', '{"count": 40, "duration": [40, null, 9000000, 60000000]}', '{"duration": "1392:40"}'),
                        ('pitot.JvmMemory', '', '{"heapUsed": [60, 1048576, 3145728, 125829120], "heapMax": [60, 4194304]}', '{"heapUsed": "1345:30 24:30"}'),
                        ('pitot.ProcessCounters', '', '{"userTime": [60, 20000000], "systemTime": [60, 5000000], "softwareSource": "varies"}', '{}'),
                        ('pitot.AgentCost', '', '{"share": [60, 0.02]}', '{}')) as t (type, key, agg, hist)""".formatted(JVM, tier));
            }
            s.execute("insert into sql_text values ('" + JVM + "', '0f', 'select ?', now()), ('" + new UUID(1, 1)
                    + "', '0e', 'of another JVM', now())");
        }
        List<BlockStore.Block> blocks = new ArrayList<>();
        // Two samples: the second knows no more than that it was taken, and half of the CPU time, which is none.
        blocks.add(block("pitot.JvmMemory", "", "heapUsed", "[3145728,1048576]"));
        blocks.add(block("pitot.AgentCost", "", "share", "[0.01,0.03]"));
        blocks.add(block(
                "pitot.ProcessCounters",
                "",
                "interval",
                "[2000000000,1000000000]",
                "userTime",
                "[1000000000,1000]",
                "systemTime",
                "[500000000,null]",
                "runQueueWait",
                "[500000000,null]",
                "voluntaryContextSwitches",
                "[60,null]",
                "involuntaryContextSwitches",
                "[40,null]",
                "cpuMigrations",
                "[4,null]",
                "minorFaults",
                "[18,null]",
                "majorFaults",
                "[2,null]",
                "cycles",
                "[3000000000,null]",
                "instructions",
                "[6000000000,null]",
                "cacheReferences",
                "[24000000,null]",
                "cacheMisses",
                "[6000000,null]",
                "branches",
                "[60000000,null]",
                "branchMisses",
                "[3000000,null]",
                "hardwareRunning",
                "[0.5,null]",
                "hardwareSource",
                "[\"perf\",\"none: switched off\"]"));
        for (String kind : List.of("gc", "application")) {
            blocks.add(block(
                    "pitot.ThreadKindCounters", kind,
                    "interval", "[1000000000,1000000000]",
                    "cpuTime", kind.equals("gc") ? "[250000000,250000000]" : "[1000000000,2000000000]",
                    "runQueueWait", kind.equals("gc") ? "[0,250000000]" : "[null,null]",
                    "cycles", kind.equals("gc") ? "[100,300]" : "[null,null]",
                    "instructions", kind.equals("gc") ? "[100,100]" : "[null,null]",
                    "hardwareSource", "[\"perf, user only\",\"perf, user only\"]"));
        }
        // Nothing ran: sums of zero.
        blocks.add(block(
                "pitot.ThreadKindCounters", "jit",
                "interval", "[1000000000,1000000000]",
                "cpuTime", "[0,0]",
                "runQueueWait", "[0,0]",
                "cycles", "[0,0]",
                "instructions", "[0,0]",
                "hardwareSource", "[\"perf\",\"perf\"]"));
        // An idle second and a busy one.
        blocks.add(block(
                "pitot.TopThread", "main 7",
                "interval", "[1000000000,1000000000]",
                "cpuTime", "[1000000,999000000]",
                "runQueueWait", "[9000000,1000000]",
                "cycles", "[1000000,2997000000]",
                "instructions", "[4000000,2994000000]",
                "hardwareSource", "[\"perf\",\"perf\"]"));
        blocks.add(block(
                "pitot.HostCounters", "3", "interval", "[1000,1000]", "cycles", "[10,0]", "instructions", "[5,0]"));
        for (String disk : List.of("sda", "nvme0n1")) {
            blocks.add(block(
                    "pitot.HostDisk",
                    disk,
                    "interval",
                    "[1000000000,1000000000]",
                    "reads",
                    disk.equals("sda") ? "[3,1]" : "[0,0]",
                    "readTime",
                    disk.equals("sda") ? "[30000000,50000000]" : "[0,0]",
                    "writes",
                    "[1,1]",
                    "writeTime",
                    "[1000000,2000000]",
                    "busyTime",
                    "[500000000,0]"));
        }
        counter(blocks, "process", "LLC-load-misses", 50);
        // As asked for plainly (of both kinds of cores), of one kind by name, and of user space alone, twice.
        for (String way : List.of("topdown-%s", "cpu_core/topdown-%s/", "topdown-%s:u", "cpu_core/topdown-%s/u")) {
            int extra = way.startsWith("cpu_core") ? 10 : 0;
            counter(blocks, "process", way.formatted("retiring"), 10 + extra);
            counter(blocks, "process", way.formatted("bad-spec"), 5);
            counter(blocks, "process", way.formatted("fe-bound"), 20);
            counter(blocks, "process", way.formatted("be-bound"), 65 - extra);
        }
        Map.of("total-slots", 100, "slots-issued", 50, "slots-retired", 40, "fetch-bubbles", 20, "recovery-bubbles", 5)
                .forEach((name, value) -> counter(blocks, "gc", "topdown-" + name, value));
        Map.of("stall_slot", 60, "stall_slot_frontend", 20, "stall_slot_backend", 40, "op_spec", 40, "op_retired", 30)
                .forEach((name, value) -> counter(blocks, "jit", "armv8_pmuv3_0/" + name + "/", value));
        counter(blocks, "vm", "stall_slot", 60);
        new BlockStore(database, partitions).store(JVM, new BlockStore.Minutes(blocks, List.of()), Map.of());
    }

    private static BlockStore.Block block(String type, String key, String... fields) {
        String json = IntStream.range(0, fields.length / 2)
                .mapToObj(i -> '"' + fields[2 * i] + "\":" + fields[2 * i + 1])
                .collect(Collectors.joining(",", "{\"t\":[500,1500],", "}"));
        return new BlockStore.Block(type, key, MINUTE, 2, json);
    }

    private static void counter(List<BlockStore.Block> blocks, String scope, String name, int value) {
        blocks.add(block(
                "pitot.Counter",
                scope + ' ' + name,
                "interval",
                "[500000000,500000000]",
                "value",
                "[" + value + ",null]",
                "unit",
                "[\"\",\"\"]",
                "running",
                "[1,0]",
                "groupCycles",
                "[200,null]",
                "groupInstructions",
                "[1000,null]",
                "source",
                "[\"perf\",\"perf\"]"));
    }

    @AfterAll
    static void close() throws SQLException {
        connection.close();
        database.close();
    }

    private static List<String> rows(String sql) throws SQLException {
        try (Statement s = connection.createStatement();
                ResultSet rows = s.executeQuery(sql)) {
            List<String> lines = new ArrayList<>();
            while (rows.next()) {
                List<String> cells = new ArrayList<>();
                for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
                    cells.add(rows.getString(i));
                }
                lines.add(String.join(" ", cells.stream().map(String::valueOf).toList()));
            }
            return lines;
        }
    }

    /** Headline to query. */
    private static Map<String, String> questions() throws IOException {
        Map<String, String> questions = new LinkedHashMap<>();
        Pattern.compile("## ([^\\n]+)\\n\\n```sql\\n((?:select|with) .*?)```", Pattern.DOTALL)
                .matcher(Files.readString(Path.of("../docs/sql.md")))
                .results()
                .forEach(match -> questions.put(match.group(1), match.group(2)));
        return questions;
    }

    @Test
    void allSqlOfTheDocumentationRuns() throws Exception {
        List<String> queries = new ArrayList<>();
        try (Stream<Path> pages = Files.walk(Path.of("../docs"))) {
            for (Path page : pages.filter(file -> file.toString().endsWith(".md"))
                    .sorted()
                    .toList()) {
                // What defines tables is the specification's account of the migrations.
                Pattern.compile("```sql\\n(select .*?)```", Pattern.DOTALL)
                        .matcher(Files.readString(page))
                        .results()
                        .forEach(match -> queries.add(match.group(1)));
            }
        }
        assertThat(queries).hasSizeGreaterThan(questions().size());
        for (String query : queries) {
            assertThat(rows(query)).as(query).isNotNull();
        }
    }

    @Test
    void everyQuestionIsAnswered() throws Exception {
        Map<String, String> questions = questions();
        assertThat(questions).hasSizeGreaterThanOrEqualTo(7);
        for (Map.Entry<String, String> question : questions.entrySet()) {
            assertThat(rows(question.getValue())).as(question.getKey()).isNotEmpty();
        }
        assertThat(rows(questions.get("Which endpoints cost the most CPU in the last hour?")))
                .containsExactly("null /a 2 8 4.000 null", "GET /b 4 6 3.000 0.500");
        assertThat(rows(questions.get("Why is an endpoint slow?")))
                .as("of an older agent's, one of two has no duration, and nothing is known of its parts")
                .containsExactly(
                        "GET /b 25.00 20 null null null null 75 null null null 5",
                        "null /a 5.00 null null null null null null null null null null");
        assertThat(rows(questions.get("How long do 99 of 100 requests take?")))
                .as("middles of the buckets of 25 and of 100 ms; what has no histogram has no percentiles")
                .containsExactly("GET /b 4 24.64 98.57 98.57");
        assertThat(rows(questions.get("Which SQL statements take the most time?")))
                .containsExactly("0f select ? 40 60 1.500 9.00", "0e null 4 10 2.500 3.00");
        assertThat(rows(questions.get("Which endpoints run many statements for one request?")))
                .containsExactly("GET /b 11.0 17.50");
        assertThat(rows(questions.get("Which endpoints wait for memory?")))
                .containsExactly("GET /b 1000 0.50 50.00 null", "null /a null null null null");
        assertThat(rows(questions.get("How did the heap go in the last month, hour by hour?")))
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" shop 3 2"));
        assertThat(rows(questions.get("What was p99 of each endpoint, day by day?")))
                .as("no more than the longest")
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" GET /b c 5 24.64 98.57 98.00"));
        assertThat(rows(questions.get("Which statements took the most time last week?")))
                .containsExactly("0f select ? 40 60 1.500 8.258");
        assertThat(rows(questions.get("Do two releases differ?")))
                .containsExactly("1.5 GET /b c 5 24.64 98.57 4.000 1500");
        assertThat(rows(questions.get("Which neighbours are noisy?"))).containsExactly("h shop " + JVM + " 1.5 100.0");
        assertThat(rows(questions.get("What does Pitot cost each service?"))).containsExactly("shop 1 2.00 2.00");
        assertThat(rows(questions.get("Which JVMs were started, and when was the one before last seen?")))
                .hasSize(1);
        assertThat(rows(questions.get("How large is what is kept, and how old?")))
                .hasSize(6);
        assertThat(rows(questions.get("Who logs errors?"))).singleElement().satisfies(row -> assertThat(row)
                .startsWith("shop a.B null 3 "));
        assertThat(rows(questions.get("What does Pitot itself cost?")))
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" 2.00"));
        assertThat(rows(questions.get("Which kind of thread burns the CPU?")))
                .containsExactly("application 1.500 null null", "gc 0.250 0.333 0.50", "jit 0.000 null null");
        assertThat(rows(questions.get("Which kind of thread burns the CPU?").replace("'kind'", "'thread'")))
                .as("quotients of sums")
                .containsExactly("main 7 0.500 0.010 1.00");
        assertThat(rows(questions.get("How did IPC go, hour by hour?").replace("'process'", "'thread'")))
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" 1.00 3.00 0.50 null"));
        assertThat(rows(questions.get("How did IPC go, hour by hour?").replace("'process'", "'kind' and key = 'jit'")))
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" null null 0.00 null"));
        assertThat(rows(questions.get("Which disk is slow?")))
                .containsExactly("sda 20.00 1.50 0.250", "nvme0n1 null 1.50 0.250");
        assertThat(rows(questions.get("How did IPC go, hour by hour?")))
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" 2.00 2.00 0.75 0.50"));
        assertThat(rows(questions.get("How did the heap go, a value per minute?")))
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith(" 2"));
    }

    @Test
    void theViewsComputeTheFormulasOfTheSpecification() throws Exception {
        assertThat(rows("""
                        select cpu_cores, run_queue_wait_share, context_switches_per_second, migrations_per_second, page_faults_per_second,
                            ghz, ipc, cache_mpki, cache_miss_rate, branch_mpki, branch_miss_rate, running, source
                        from counters where scope = 'process' order by ts"""))
                .containsExactly(
                        "0.75 0.25 50 2 10 2 2 1 0.25 0.5 0.05 0.5 perf",
                        "null null null null null null null null null null null null none: switched off");
        assertThat(
                        rows(
                                "select key, ghz, ipc, cpu_cores from counters where scope <> 'process' and key not in ('jit', 'main 7') order by scope, key, ts"))
                .as("cycles of user space are no clock of all CPU time, no cycles are no ratio, a CPU has no CPU time")
                .containsExactly(
                        "3 null 0.5 null",
                        "3 null null null",
                        "application null null 1",
                        "application null null 2",
                        "gc null 1 0.25",
                        "gc null 0.3333333333333333 0.25");
        assertThat(
                        rows(
                                "select scope, name, per_second, per_kilo_instruction, per_cycle, running from named_counters where name like 'LLC%' order by ts"))
                .containsExactly("process LLC-load-misses 100 50 0.25 1", "process LLC-load-misses null null null 0");
        assertThat(
                        rows(
                                "select scope, method, retiring, bad_speculation, frontend_bound, backend_bound, pmu, modifier from top_down order by scope, pmu, modifier"))
                .containsExactly(
                        "gc slots 0.4 0.15 0.2 0.25  ",
                        "jit stall slots 0.3 0.1 0.2 0.4 armv8_pmuv3_0 ",
                        "process metrics 0.1 0.05 0.2 0.65  ",
                        "process metrics 0.1 0.05 0.2 0.65  u",
                        "process metrics 0.2 0.05 0.2 0.55 cpu_core ",
                        "process metrics 0.2 0.05 0.2 0.55 cpu_core u");
        assertThat(rows("select service, extract(epoch from ts) * 1000 - " + MINUTE
                        + ", extract(epoch from block_start) * 1000 - " + MINUTE
                        + " from counters where scope = 'cpu' order by ts"))
                .containsExactly("shop 500.000000 0.000000", "shop 1500.000000 0.000000");
    }

    @Test
    void everyKindOfSpanHasViewsOfItsOwn() throws Exception {
        assertThat(rows("select sql, duration_ms, time_socket_ms from sql_statements"))
                .containsExactly("select ? 9 9");
        assertThat(rows("select target, status, duration_ms from calls")).containsExactly("a:80 200 5");
        assertThat(rows("select pool, failed, duration_ms from connection_waits"))
                .containsExactly("main t 0.000001");
        assertThat(rows("select target, mean_ms from call_seconds")).containsExactly("a:80 5");
        assertThat(rows("select pool, mean_ms from pool_seconds")).containsExactly("main 0.0005");
        assertThat(rows("select type, duration_ms from spans where parent_span_id = 'ab' order by type"))
                .containsExactly("pitot.HttpCall 5", "pitot.SqlStatement 9");
    }

    @Test
    void theSpecificationNamesTheColumns() throws Exception {
        String page = Files.readString(Path.of("../docs/spec/metrics.md"));
        for (String view : List.of("counters", "named_counters", "top_down")) {
            List<String> columns = rows("select column_name from information_schema.columns where table_name = '" + view
                    + "' and data_type = 'double precision'");
            assertThat(columns).isNotEmpty();
            TreeSet<String> named = Pattern.compile("`([a-zA-Z]+)`")
                    .matcher(page)
                    .results()
                    .map((MatchResult match) ->
                            match.group(1).replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT))
                    .collect(Collectors.toCollection(TreeSet::new));
            assertThat(named).as(view).containsAll(columns);
        }
    }

    @Test
    void viewsOfTheTiersHaveWhatTheirRowsSay() throws Exception {
        for (String suffix : List.of("", "_by_quarter", "_by_hour")) {
            assertThat(rows(
                            "select jvm, service, method, route, requests, errors, mean_ms, p50_ms, p99_ms, max_ms, unfollowed_tasks from endpoints"
                                    + suffix))
                    .containsExactly(JVM + " shop GET /b c 5 1 43.75 24.641536 98 98 3");
            assertThat(rows("select statement, sql, runs, errors, p50_ms from statements" + suffix))
                    .containsExactly("0f select ? 40 null 8.257536");
        }
        for (String bin : List.of("minute", "quarter", "hour")) {
            assertThat(
                            rows(
                                    "select field, n, min, max, avg, sum, p50, p99, text from metrics_by_" + bin
                                            + " where type in ('pitot.JvmMemory', 'pitot.ProcessCounters') or field in ('count', 'duration') and type like '%Endpoint%' order by type, field"))
                    .as("a total, values of which the least is not known, values of one amount, a text")
                    .containsExactly(
                            "count null null null null 5 null null null",
                            "duration 4 null 98000000 43750000 175000000 24641536 98000000 null",
                            "heapMax 60 4194304 4194304 4194304 251658240 4194304 4194304 null",
                            "heapUsed 60 1048576 3145728 2097152 125829120 1081344 3145728 null",
                            "softwareSource null null null null null null null varies",
                            "systemTime 60 5000000 5000000 5000000 300000000 5000000 5000000 null",
                            "userTime 60 20000000 20000000 20000000 1200000000 20000000 20000000 null");
        }
    }

    @Test
    void histogramsInSqlAreThoseOfTheProgram() throws Exception {
        Random random = new Random(7);
        for (int round = 0; round < 20; round++) {
            Histogram all = new Histogram();
            List<String> parts = new ArrayList<>();
            for (int part = random.nextInt(4); part >= 0; part--) {
                Histogram one = new Histogram();
                for (int i = random.nextInt(30); i >= 0; i--) {
                    one.add(Buckets.of(random.nextGaussian() * Math.exp(random.nextInt(20))), 1 + random.nextInt(9));
                }
                all.add(one);
                parts.add("('" + one + "')");
            }
            String merged =
                    "(select pitot_hist(h) from (values (null), (''), " + String.join(",", parts) + ") as t (h))";
            assertThat(rows("select " + merged)).containsExactly(all.toString());
            for (double share : new double[] {0, 0.5, 0.9, 0.99, 1}) {
                double inSql = Double.parseDouble(rows("select pitot_percentile(" + merged + ", " + share + ")")
                        .get(0));
                assertThat(inSql).isCloseTo(all.percentile(share), withinPercentage(1e-9));
            }
        }
        assertThat(rows("select pitot_percentile('', 0.5), pitot_percentile(null, 0.5), pitot_hist(null)"))
                .containsExactly("null null null");
    }

    @Test
    void samplesBetweenTwoTimesReadOnlyTheDaysThatTheyMust() throws Exception {
        String between = "samples_between('%s', to_timestamp(%d / 1e3), to_timestamp(%d / 1e3))";
        assertThat(
                        rows(
                                "select ts = to_timestamp(" + (MINUTE + 500)
                                        + " / 1e3), jvm = jvm_id, service, value, text from "
                                        + between.formatted(JVM, MINUTE + 400, MINUTE + 600)
                                        + " where type = 'pitot.ProcessCounters' and field in ('cycles', 'hardwareSource') order by field"))
                .containsExactly("t t shop 3000000000 null", "t t shop null perf");
        for (String query : List.of(
                "select * from " + between.formatted(JVM, MINUTE, MINUTE + 1000),
                "select * from endpoints where jvm = '%s' and ts >= to_timestamp(%d / 1e3) and ts < to_timestamp(%d / 1e3)"
                        .formatted(JVM, MINUTE, MINUTE + 1000),
                "select * from statements where jvm = '%s' and ts >= to_timestamp(%d / 1e3) and ts < to_timestamp(%d / 1e3)"
                        .formatted(JVM, MINUTE, MINUTE + 1000),
                "select * from metrics_by_minute where jvm = '%s' and ts >= to_timestamp(%d / 1e3) and ts < to_timestamp(%d / 1e3)"
                        .formatted(JVM, MINUTE, MINUTE + 1000),
                "select * from events where jvm = '%s' and type = 'a' and ts >= to_timestamp(%d / 1e3) and ts < to_timestamp(%d / 1e3)"
                        .formatted(JVM, MINUTE, MINUTE + 1000))) {
            List<String> plan = rows("explain (costs off) " + query);
            assertThat(plan.stream().filter(line -> line.matches(".* on (metric_block|metric_1m|event)_2\\d+.*")))
                    .as(query + plan)
                    .hasSize(1);
        }
    }

    @Test
    void aRoleThatReadsCanAskAllQuestionsAndSeesNoSecrets() throws Exception {
        String role = "reader_" + ProcessHandle.current().pid();
        Matcher grants = Pattern.compile("create role[^;]*;\\n(grant usage.*?;\\ngrant select.*?;)", Pattern.DOTALL)
                .matcher(Files.readString(Path.of("../docs/sql.md")));
        assertThat(grants.find()).isTrue();
        TestPostgres.asSuperuser("create role " + role);
        TestPostgres.asSuperuser("grant " + role + " to " + at.user());
        try (Statement s = connection.createStatement()) {
            s.execute(grants.group(1).replace("pitot_reader", role));
            s.execute("set role " + role);
            for (String query : questions().values()) {
                assertThat(rows(query)).as(query).isNotNull();
            }
            for (String closed : List.of("collector", "segment", "setting", "audit")) {
                assertThatThrownBy(() -> rows("select * from " + closed)).hasMessageContaining("permission denied");
            }
        } finally {
            try (Statement s = connection.createStatement()) {
                s.execute("reset role");
                s.execute("drop owned by " + role);
            }
            TestPostgres.asSuperuser("drop role " + role);
        }
    }

    @Test
    void aConditionOnTheMinuteLeavesOtherDaysUntouched() throws Exception {
        for (String view : List.of("samples", "counters", "named_counters")) {
            List<String> plan = rows("explain select * from " + view + " where jvm_id = '" + JVM
                    + "' and block_start >= '" + java.time.Instant.ofEpochMilli(MINUTE) + "' and block_start < '"
                    + java.time.Instant.ofEpochMilli(MINUTE + 1000) + "'");
            assertThat(plan.stream().filter(line -> line.contains(" on metric_block_2")))
                    .as(view + plan)
                    .hasSize(1);
        }
    }
}
