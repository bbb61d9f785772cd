package dev.pitot.web.store;

import dev.pitot.web.live.Live;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Charts and rankings of any metric, over any time, from the tiers and the memory of this collector. Any thread; each call takes a
 * connection of the pool for its duration only. A {@link SQLException} means that the database is away or too slow.
 */
public final class RangeQueries {
    /** JVMs of one question; of more, those heard of last. */
    public static final int MOST_JVMS = 1_000;

    private static final long LATEST_MILLIS = 10_000;
    private static final int NEWEST_MINUTES = 4;

    private final Database database;
    private final Remembered memory;
    private final Clock clock;

    public RangeQueries(Database database, Live live, Clock clock) {
        this.database = database;
        this.memory = new Remembered(live);
        this.clock = clock;
    }

    /** What a series is made of. */
    public enum By {
        NONE,
        JVM,
        SERVICE,
        KEY
    }

    /**
     * Which JVMs.
     *
     * @param jvm only this one; null: those of the service that have all labels
     * @param service null: of all services
     */
    public record Who(@Nullable UUID jvm, @Nullable String service, Map<String, String> labels) {}

    /**
     * A question.
     *
     * @param key only this one of a type with keys; null: all
     * @param from milliseconds since the epoch, like {@code to}
     * @param points at most so many bins
     * @param series at most so many; of more, those with the greatest values
     */
    public record Question(
            Metric metric,
            Who who,
            @Nullable String key,
            By by,
            Aggregate aggregate,
            long from,
            long to,
            int points,
            int series) {}

    /**
     * One line of a chart.
     *
     * @param jvm null where it is of several, like the others
     */
    public record Series(
            @Nullable UUID jvm,
            @Nullable String service,
            @Nullable String key,
            double[] values) {}

    /**
     * The answer.
     *
     * @param from start of the first bin; the ends of the question lie within the bins
     * @param step width of a bin, milliseconds
     * @param until what came by then is in it, as far as its JVMs have sent it
     * @param tiers those that it was read from, the coarsest first, {@code memory} last
     * @param total how many series there were
     */
    public record Answer(
            long from, long to, long step, long until, List<String> tiers, int jvms, int total, List<Series> series) {}

    /**
     * A newest value.
     *
     * @param key empty where the type has no keys
     * @param time of the newest sample, or of the start of the minute; milliseconds since the epoch
     */
    public record Latest(UUID jvm, String service, String key, long time, double value) {}

    /** A question that would take too much; the message says what to do. */
    public static final class TooMuch extends RuntimeException {
        private static final long serialVersionUID = 1;

        TooMuch(String message, Throwable cause) {
            super(message, cause);
        }
    }

    record Jvm(UUID id, String service, long lastSeen) {}

    record Group(
            @Nullable UUID jvm,
            @Nullable String service,
            @Nullable String key) {}

    /** A chart. */
    public Answer range(Question question) throws SQLException {
        return answer(question, false);
    }

    /** One bin over the whole window, to the minute: a ranking. */
    public Answer total(Question question) throws SQLException {
        return answer(question, true);
    }

    private Answer answer(Question question, boolean whole) throws SQLException {
        long now = clock.millis();
        try (Connection c = database.connection()) {
            List<Jvm> jvms = jvms(c, question.who(), question.from(), question.to());
            TierReader reader = new TierReader(
                    c,
                    jvms.stream().map(Jvm::id).toList(),
                    question.metric(),
                    question.key(),
                    question.aggregate().kind() == Aggregate.Kind.PERCENTILE,
                    whole);
            return new RangeReading(question, whole, now, jvms, reader, memory).answer();
        } catch (TierReader.TooManyRows e) {
            throw new TooMuch(
                    "This asks for more than " + TierReader.MOST_ROWS
                            + " stored rows; ask for a shorter window, one service or JVM, or one 'key'.",
                    e);
        }
    }

    /**
     * The newest value of each JVM and key: over the last 10 s of what memory has, else of the newest stored minute.
     *
     * @param most so many rows; of more, those with the greatest values
     */
    public List<Latest> latest(Metric metric, Who who, @Nullable String key, int most) throws SQLException {
        long now = clock.millis();
        Map<Group, Latest> newest = new HashMap<>();
        try (Connection c = database.connection()) {
            List<Jvm> jvms = jvms(c, who, 0, now + Tier.HOUR.millis);
            long[] from = new long[jvms.size()];
            long[] to = new long[jvms.size()];
            for (int i = 0; i < from.length; i++) {
                Jvm jvm = jvms.get(i);
                to[i] = Tier.MINUTE.floor(jvm.lastSeen()) + Tier.MINUTE.millis;
                from[i] = to[i] - NEWEST_MINUTES * Tier.MINUTE.millis;
                if (!StoredTypes.COUNTED.containsKey(metric.type()) && remembered(metric, jvm, key, now, newest)) {
                    from[i] = to[i];
                }
            }
            TierReader reader = new TierReader(c, jvms.stream().map(Jvm::id).toList(), metric, key, false, false);
            reader.read(Tier.MINUTE, from, to, (place, rowKey, time, row) -> {
                Jvm jvm = jvms.get(place);
                Group group = new Group(jvm.id(), jvm.service(), rowKey);
                Latest known = newest.get(group);
                if (known == null || known.time() < time) {
                    Bin bin = new Bin();
                    bin.add(metric, row);
                    put(newest, group, time, value(metric, bin, Tier.MINUTE.millis));
                }
            });
        } catch (TierReader.TooManyRows e) {
            throw new TooMuch("This asks for too many JVMs and keys at once; ask for one service, JVM or 'key'.", e);
        }
        return newest.values().stream()
                .sorted(Comparator.comparingDouble((Latest one) -> -one.value())
                        .thenComparing(Latest::jvm)
                        .thenComparing(Latest::key))
                .limit(most)
                .toList();
    }

    private static double value(Metric metric, Bin bin, long millis) {
        boolean total = StoredTypes.COUNTED.containsKey(metric.type());
        Aggregate.Kind kind = total && bin.isTotal() ? Aggregate.Kind.RATE : Aggregate.Kind.AVG;
        return bin.value(metric, new Aggregate(kind, "", 0), millis / 1000.0);
    }

    private boolean remembered(Metric metric, Jvm jvm, @Nullable String key, long now, Map<Group, Latest> newest) {
        long since = Math.min(now, jvm.lastSeen()) - LATEST_MILLIS;
        boolean some = false;
        for (Map.Entry<String, Live.Tail> tail :
                memory.samples(metric, jvm.id(), key, since, Long.MAX_VALUE).entrySet()) {
            Live.Tail samples = tail.getValue();
            Bin bin = new Bin();
            for (int i = 0; i < samples.t().length; i++) {
                bin.add(metric, Remembered.sample(metric, samples, i));
            }
            if (samples.t().length > 0) {
                some = true;
                put(
                        newest,
                        new Group(jvm.id(), jvm.service(), tail.getKey()),
                        samples.t()[samples.t().length - 1],
                        value(metric, bin, LATEST_MILLIS));
            }
        }
        return some;
    }

    private static void put(Map<Group, Latest> newest, Group group, long time, double value) {
        UUID jvm = group.jvm();
        if (!Double.isNaN(value) && jvm != null) {
            newest.put(
                    group, new Latest(jvm, String.valueOf(group.service()), String.valueOf(group.key()), time, value));
        }
    }

    private static List<Jvm> jvms(Connection c, Who who, long from, long to) throws SQLException {
        List<Jvm> jvms = new ArrayList<>();
        try (PreparedStatement s = c.prepareStatement("""
                select jvm_id, service, (extract(epoch from last_seen) * 1000)::bigint from jvm
                where (?::uuid is null or jvm_id = ?::uuid) and (?::text is null or service = ?::text) and labels @> ?::jsonb
                and last_seen >= ? and started_at < ?
                order by last_seen desc, jvm_id limit ?""")) {
            s.setObject(1, who.jvm(), java.sql.Types.OTHER);
            s.setObject(2, who.jvm(), java.sql.Types.OTHER);
            s.setString(3, who.service());
            s.setString(4, who.service());
            s.setString(5, labels(who.labels()));
            s.setObject(6, Instant.ofEpochMilli(from).atOffset(ZoneOffset.UTC));
            s.setObject(7, Instant.ofEpochMilli(to).atOffset(ZoneOffset.UTC));
            s.setInt(8, MOST_JVMS);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    jvms.add(new Jvm(rows.getObject(1, UUID.class), rows.getString(2), rows.getLong(3)));
                }
            }
        }
        return jvms;
    }

    private static String labels(Map<String, String> labels) {
        StringBuilder out = new StringBuilder("{");
        labels.forEach((name, value) -> {
            Json.text(out.length() > 1 ? out.append(',') : out, Json.storable(name));
            Json.text(out.append(':'), Json.storable(value));
        });
        return out.append('}').toString();
    }
}
