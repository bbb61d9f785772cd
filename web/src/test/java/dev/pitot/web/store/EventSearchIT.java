package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.EventSearch.Order;
import dev.pitot.web.store.EventSearch.Page;
import dev.pitot.web.store.EventSearch.Position;
import dev.pitot.web.store.EventSearch.Question;
import dev.pitot.web.store.EventSearch.Scope;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Event search in a real PostgreSQL, against what a plain query over all events says. */
class EventSearchIT {
    private static final String TYPE = "pitot.HttpRequest";
    private static final long TO = System.currentTimeMillis() / 1000 * 1000;
    private static final long FROM = TO - 600_000;
    private static final List<UUID> JVMS = new ArrayList<>();

    /** So small that slices are cut, are too full and are crowds, and that pages end before they are full. */
    private static final EventSearch.Bounds SMALL = new EventSearch.Bounds(20, 150, 60_000);

    private static Connection connection;
    private static Database database;
    private static long offset;

    @BeforeAll
    static void fill() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
        new Partitions(database, RetentionSettings.standard(), Clock.systemUTC()).maintain();
        connection = at.connect();
        // Ids on both sides of where a signed number would begin anew.
        for (long high : new long[] {1, 0x7fff_ffff_ffff_ffffL, -1, Long.MIN_VALUE}) {
            UUID jvm = new UUID(high, 7);
            JVMS.add(jvm);
            try (Statement s = connection.createStatement()) {
                s.execute("""
                        insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, first_seen,
                            last_seen, ended, clock_skew_ns)
                        values ('%s', '%s', 'h', 1, now(), '1', '17', 'HotSpot', '{"version": "1.%d"}', now(), now(), false, 0)""".formatted(jvm, high > 0 ? "shop" : "pay", JVMS.size()));
            }
        }
        Random random = new Random(5);
        connection.setAutoCommit(false);
        for (int i = 0; i < 900; i++) {
            // Many at one time, and one time with more than a slice may have.
            long micros = FROM * 1000
                    + (random.nextInt(5) == 0 ? 300_000_000L : random.nextInt(200) * 3_000_000L + random.nextInt(2));
            insert(random, micros);
        }
        connection.setAutoCommit(true);
    }

    private static void insert(Random random, long micros) throws SQLException {
        String duration =
                switch (random.nextInt(8)) {
                    case 0 -> "null";
                    case 1 -> "\"long\"";
                    case 2, 3 -> Long.toString(200_000_000L + random.nextInt(3));
                    case 4 -> Long.toString(1_000L * random.nextInt(3));
                    default -> Long.toString((long) Math.exp(random.nextDouble() * 28));
                };
        try (PreparedStatement s = connection.prepareStatement("insert into event values (?, ?, ?, ?, ?, ?::jsonb)")) {
            s.setObject(1, JVMS.get(random.nextInt(JVMS.size())));
            s.setString(2, random.nextInt(10) == 0 ? "pitot.HttpCall" : TYPE);
            s.setObject(3, Instant.EPOCH.plusNanos(micros * 1000).atOffset(ZoneOffset.UTC));
            s.setLong(4, random.nextInt(3));
            s.setLong(5, offset++);
            s.setString(6, """
                    {"duration": %s, "status": %d, "route": "/%s", "failed": %b, "error": %s, "object": {"class": "c%d"}}""".formatted(
                            duration,
                            200 + 100 * random.nextInt(4),
                            "abc".substring(random.nextInt(3)),
                            random.nextBoolean(),
                            random.nextBoolean() ? "null" : "\"it's 50%, \\\"no\\\"\"",
                            random.nextInt(3)));
            s.executeUpdate();
        }
    }

    @AfterAll
    static void close() throws SQLException {
        connection.close();
        database.close();
    }

    private record Asked(String where, String sql) {}

    /** Conditions, and what they mean in SQL. */
    private static final List<Asked> CONDITIONS = List.of(
            new Asked("", "true"),
            new Asked(
                    "duration>100ms",
                    "jsonb_typeof(data -> 'duration') = 'number' and (data ->> 'duration')::numeric > 100000000"),
            new Asked("status>=400", "(data ->> 'status')::int >= 400"),
            new Asked("status=500, route=/abc", "data ->> 'status' = '500' and data ->> 'route' = '/abc'"),
            new Asked("route^/b,failed=true", "data ->> 'route' like '/b%' and (data ->> 'failed')::boolean"),
            new Asked("route~c,status!=200", "data ->> 'route' like '%c%' and data ->> 'status' <> '200'"),
            new Asked("error!=x", "data ->> 'error' is not null"),
            new Asked("error~\"50%, \"", "data ->> 'error' is not null"),
            new Asked("object.class=c1", "data -> 'object' ->> 'class' = 'c1'"),
            new Asked(
                    "duration<1us",
                    "jsonb_typeof(data -> 'duration') = 'number' and (data ->> 'duration')::numeric < 1000"),
            new Asked("duration=long", "data ->> 'duration' = 'long'"),
            new Asked("route=/nowhere", "false"));

    private static Set<String> oracle(Question question, String sql) throws SQLException {
        boolean slowest = question.order() == Order.SLOWEST;
        Set<String> keys = new LinkedHashSet<>();
        try (PreparedStatement s = connection.prepareStatement(
                "select jvm_id, chunk_start, chunk_offset from event where jvm_id = any(?) and type = ? and ts >= ? and ts < ? and "
                        + sql
                        + (slowest
                                ? " and jsonb_typeof(data -> 'duration') = 'number' order by (data -> 'duration')::numeric desc, "
                                : " order by ")
                        + "ts desc, jvm_id desc, chunk_start desc, chunk_offset desc")) {
            s.setArray(1, connection.createArrayOf("uuid", question.jvms().toArray()));
            s.setString(2, question.type());
            s.setObject(3, Instant.ofEpochMilli(question.fromMillis()).atOffset(ZoneOffset.UTC));
            s.setObject(4, Instant.ofEpochMilli(question.toMillis()).atOffset(ZoneOffset.UTC));
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    keys.add(rows.getString(1) + ' ' + rows.getLong(2) + ' ' + rows.getLong(3));
                }
            }
        }
        return keys;
    }

    private static String key(FoundEvent found) {
        return found.jvm() + " " + found.event().chunkStart() + ' '
                + found.event().chunkOffset();
    }

    private static List<String> allPages(EventSearch search, Question question) throws SQLException {
        List<String> keys = new ArrayList<>();
        Position after = null;
        int pages = 0;
        do {
            Page page = search.page(question, after);
            assertThat(page.events()).hasSizeLessThanOrEqualTo(question.limit());
            page.events().forEach(found -> keys.add(key(found)));
            if (page.complete() && page.next() != null) {
                assertThat(page.events()).hasSize(question.limit());
            }
            after = page.next();
            assertThat(++pages).as("an end").isLessThan(5_000);
        } while (after != null);
        return keys;
    }

    @Test
    void allPagesTogetherAreWhatAPlainQueryFindsInItsOrder() throws Exception {
        Random random = new Random(11);
        EventSearch search = new EventSearch(database);
        for (Order order : Order.values()) {
            for (Asked asked : CONDITIONS) {
                Question question = new Question(
                        random.nextInt(3) == 0 ? List.of(JVMS.get(random.nextInt(4))) : JVMS,
                        TYPE,
                        EventConditions.parse(asked.where()),
                        order,
                        FROM + random.nextInt(3) * 60_000,
                        TO - random.nextInt(3) * 60_000,
                        new int[] {7, 100, 1000}[random.nextInt(3)]);
                assertThat(allPages(search, question))
                        .as(question.toString())
                        .containsExactlyElementsOf(oracle(question, asked.sql()));
            }
        }
    }

    @Test
    void boundsOfTheWorkLeaveNothingOutAndTheOrderOfTimeAsItIs() throws Exception {
        EventSearch search = new EventSearch(database, SMALL);
        for (Asked asked : CONDITIONS) {
            Question question =
                    new Question(JVMS, TYPE, EventConditions.parse(asked.where()), Order.NEWEST, FROM, TO, 40);
            assertThat(allPages(search, question))
                    .as(question.toString())
                    .containsExactlyElementsOf(oracle(question, asked.sql()));
        }
        Page none = search.page(
                new Question(JVMS, TYPE, EventConditions.parse("route=/nowhere"), Order.NEWEST, FROM, TO, 10), null);
        assertThat(none.events()).isEmpty();
        assertThat(none.complete()).isFalse();
        assertThat(none.next()).isNotNull();
        assertThat(none.looked()).isBetween(150L, 170L);
    }

    @Test
    void slowOnesAreInOrderWhateverTheBounds() throws Exception {
        EventSearch search = new EventSearch(database, SMALL);
        Question question =
                new Question(JVMS, TYPE, EventConditions.parse("duration>=100ms"), Order.SLOWEST, FROM, TO, 30);
        Set<String> expected = oracle(question, CONDITIONS.get(1).sql());
        assertThat(allPages(search, question)).containsExactlyElementsOf(expected);
        // Faster ones come in parts of time: each once, unless more than may be looked at are of one microsecond.
        Question quick = new Question(JVMS, TYPE, EventConditions.parse(""), Order.SLOWEST, FROM, TO, 30);
        List<String> found = allPages(search, quick);
        assertThat(found).doesNotHaveDuplicates();
        Set<String> elsewhere =
                oracle(quick, "(extract(epoch from ts) * 1000000)::bigint <> " + (FROM * 1000 + 300_000_000L));
        assertThat(found).containsAll(elsewhere);
        assertThat(found.subList(0, expected.size())).containsExactlyElementsOf(expected);
    }

    @Test
    void pagesHaveNeitherDoublesNorHolesWhileRowsAreInserted() throws Exception {
        EventSearch search = new EventSearch(database, SMALL);
        Random random = new Random(3);
        for (Order order : Order.values()) {
            Question question = new Question(JVMS, TYPE, EventConditions.parse("duration>=100ms"), order, FROM, TO, 13);
            Set<String> before = oracle(question, CONDITIONS.get(1).sql());
            List<String> found = new ArrayList<>();
            Position after = null;
            int pages = 0;
            do {
                Page page = search.page(question, after);
                page.events().forEach(event -> found.add(key(event)));
                after = page.next();
                assertThat(++pages).as("an end").isLessThan(1_000);
                connection.setAutoCommit(false);
                for (int i = 0; i < 5; i++) {
                    insert(random, FROM * 1000 + random.nextInt(600_000) * 1000L);
                }
                connection.setAutoCommit(true);
            } while (after != null);
            assertThat(found).doesNotHaveDuplicates().containsAll(before);
            assertThat(oracle(question, CONDITIONS.get(1).sql())).containsAll(found);
        }
    }

    @Test
    void aScopeIsAJvmAServiceALabelOrAllThatWereHeardOf() throws Exception {
        EventSearch search = new EventSearch(database);
        assertThat(search.jvms(new Scope(null, null, null, null), FROM, 10).keySet())
                .isEqualTo(new HashSet<>(JVMS));
        assertThat(search.jvms(new Scope(null, "shop", null, null), FROM, 10).keySet())
                .isEqualTo(Set.of(JVMS.get(0), JVMS.get(1)));
        assertThat(search.jvms(new Scope(null, null, "version", "1.3"), FROM, 10)
                        .keySet())
                .containsExactly(JVMS.get(2));
        assertThat(search.jvms(new Scope(JVMS.get(3), null, null, null), FROM, 10))
                .containsEntry(JVMS.get(3), "pay")
                .hasSize(1);
        assertThat(search.jvms(new Scope(null, null, null, null), TO + 10 * 86_400_000L, 10))
                .isEmpty();
        assertThat(search.fields(JVMS, TYPE, FROM, TO))
                .containsExactly("duration", "error", "failed", "object", "route", "status");
        assertThat(search.fields(JVMS, "no.Type", FROM, TO)).isEmpty();
    }
}
