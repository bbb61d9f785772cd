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
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Charts and rankings of any metric, over any time, from the tiers and the memory of this collector. Any thread; each call takes a
 * connection of the pool for its duration only. A {@link SQLException} means that the database is away or too slow.
 */
public final class RangeQueries {
    /** JVMs of one question; of more, those heard of last. */
    public static final int MOST_JVMS = 1_000;

    /** Steps of a chart in seconds: whole multiples of the tier that they are read from. */
    private static final long[] STEPS = {
        1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
        432_000, 864_000, 2_592_000
    };

    /** Rows of a tier that a chart is made of without need; of more, the next coarser tier is taken. */
    private static final long MANY_ROWS = 30_000;

    private static final long MANY_SAMPLES = 60_000;
    /** Summaries have many keys and histograms. */
    private static final long MANY_SECONDS_OF_SUMMARIES = 1_200;
    /** Of more JVMs, summaries of minutes that are not stored yet are left out. */
    private static final int FEW_JVMS = 10;

    private static final long QUARTERS_ARE_MADE = 5 * 60_000;
    private static final long HOURS_ARE_MADE = 15 * 60_000;
    private static final long LATEST_MILLIS = 10_000;
    private static final int NEWEST_MINUTES = 4;
    private static final long LONGEST_TAIL = 2 * 3_600_000;

    private final Database database;
    private final Live live;
    private final Clock clock;

    public RangeQueries(Database database, Live live, Clock clock) {
        this.database = database;
        this.live = live;
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

    private record Jvm(UUID id, String service, long lastSeen) {}

    private record Group(
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
                    question.aggregate().kind() == Aggregate.Kind.PERCENTILE);
            return new Reading(question, whole, now, jvms, reader).answer();
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
            TierReader reader = new TierReader(c, jvms.stream().map(Jvm::id).toList(), metric, key, false);
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
                tails(metric, jvm.id(), key, since, Long.MAX_VALUE).entrySet()) {
            Live.Tail samples = tail.getValue();
            Bin bin = new Bin();
            for (int i = 0; i < samples.t().length; i++) {
                bin.add(metric, sample(metric, samples, i));
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

    /** What this collector remembers, by key; the key of a type without keys is empty. */
    private Map<String, Live.Tail> tails(Metric metric, UUID jvm, @Nullable String key, long from, long to) {
        return StoredTypes.KEYED_METRICS.containsKey(metric.type())
                ? live.metricsByKey(jvm, metric.type(), key, from, to)
                : Map.of("", live.metrics(jvm, metric.type(), from, to));
    }

    private static Rollup sample(Metric metric, Live.Tail tail, int i) {
        Rollup sample = new Rollup();
        for (String field : metric.fields()) {
            Object column = tail.fields().get(field);
            if (column instanceof double[] numbers) {
                sample.values(field, new double[] {numbers[i]}, 1);
            } else if (column instanceof String[] texts && texts[i] != null) {
                sample.text(field, texts[i]);
            }
        }
        return sample;
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

    private static long ceilDiv(long a, long b) {
        return -Math.floorDiv(-a, b);
    }

    /** The least round step that is not shorter. */
    static long roundStep(long millis) {
        for (long step : STEPS) {
            if (step * 1000 >= millis) {
                return step * 1000;
            }
        }
        long last = STEPS[STEPS.length - 1] * 1000;
        return ceilDiv(millis, last) * last;
    }

    /** The work on one question. */
    private final class Reading implements TierReader.Sink {
        private final Question question;
        private final boolean whole;
        private final long now;
        private final List<Jvm> jvms;
        private final TierReader reader;
        private final boolean counted;
        private final boolean summing;
        private final Map<Group, @Nullable Bin[]> groups = new HashMap<>();
        private final Set<Tier> tiers = EnumSet.noneOf(Tier.class);
        /** Of each JVM: the newest minute that was read. */
        private final long[] newest;

        private boolean memory;
        private long from;
        private long to;
        private long step;
        private int bins;

        Reading(Question question, boolean whole, long now, List<Jvm> jvms, TierReader reader) {
            this.question = question;
            this.whole = whole;
            this.now = now;
            this.jvms = jvms;
            this.reader = reader;
            this.counted = StoredTypes.COUNTED.containsKey(question.metric().type());
            this.summing = question.aggregate().kind() == Aggregate.Kind.SUM
                    && !(question.metric().formula() instanceof Metric.PerSecond);
            this.newest = new long[jvms.size()];
            Arrays.fill(newest, Long.MIN_VALUE);
        }

        Answer answer() throws SQLException {
            long[] oldest = reader.oldest();
            Tier tier = plan(oldest);
            long until = now;
            if (tier == Tier.SECOND) {
                seconds();
            } else {
                boolean tail = !counted || jvms.size() <= FEW_JVMS;
                tiers(tier, oldest, tail);
                if (!tail) {
                    long last = Arrays.stream(newest).max().orElse(Long.MIN_VALUE);
                    until = last == Long.MIN_VALUE ? now : Math.min(now, last + Tier.MINUTE.millis);
                }
            }
            return evaluated(until);
        }

        private Tier plan(long[] oldest) throws SQLException {
            long length = question.to() - question.from();
            long wanted = roundStep(ceilDiv(length, question.points()));
            Tier tier = whole ? coarsestWithin(length / 2) : coarsestWithin(wanted);
            if (whole && tier == Tier.SECOND) {
                tier = Tier.MINUTE;
            }
            while (tier != Tier.HOUR && jvms.size() * (length / tier.millis) > many(tier)) {
                tier = tier.coarser();
            }
            for (Tier other = tier.coarser();
                    other != tier && oldest[tier.ordinal()] > question.from();
                    other = other.coarser()) {
                long before = Math.min(oldest[tier.ordinal()], question.to());
                if (reader.has(other, other.floor(question.from()), before)) {
                    tier = other;
                    break;
                }
                if (other == Tier.HOUR) {
                    break;
                }
            }
            if (whole) {
                from = Tier.MINUTE.floor(question.from());
                to = Math.max(from + Tier.MINUTE.millis, Tier.MINUTE.floor(question.to() + Tier.MINUTE.millis - 1));
                step = to - from;
            } else {
                step = roundStep(Math.max(wanted, tier.millis));
                from = Math.floorDiv(question.from(), step) * step;
                to = ceilDiv(question.to(), step) * step;
            }
            bins = (int) ((to - from) / step);
            return tier;
        }

        private Tier coarsestWithin(long width) {
            Tier found = Tier.SECOND;
            for (Tier tier : Tier.values()) {
                found = tier.millis <= width ? tier : found;
            }
            return found;
        }

        private long many(Tier tier) {
            if (tier == Tier.SECOND) {
                return counted ? MANY_SECONDS_OF_SUMMARIES : MANY_SAMPLES;
            }
            // How many keys there are is not known before they are read.
            boolean manyKeys = question.key() == null
                    && !StoredTypes.keyFields(question.metric().type()).isEmpty();
            return manyKeys ? MANY_ROWS / 10 : MANY_ROWS;
        }

        private void seconds() throws SQLException {
            tiers.add(Tier.SECOND);
            if (counted) {
                reader.read(Tier.SECOND, all(from), all(to), this);
                return;
            }
            reader.read(Tier.SECOND, all(Tier.MINUTE.floor(from)), all(to), this);
            tail(all(from));
        }

        private long[] all(long time) {
            long[] times = new long[jvms.size()];
            Arrays.fill(times, time);
            return times;
        }

        /** Hours, then quarters where those end, then minutes, then what is not stored yet. */
        private void tiers(Tier coarsest, long[] oldest, boolean tail) throws SQLException {
            long[] a = all(from);
            long[] b = all(to);
            if (coarsest == Tier.HOUR) {
                long[] due = reader.due(Tier.HOUR);
                long[] quarters = reader.due(Tier.QUARTER);
                for (int i = 0; i < due.length; i++) {
                    due[i] = Math.min(due[i], quarters[i]);
                }
                split(Tier.HOUR, a, b, due, oldest, now - HOURS_ARE_MADE, tail);
            } else if (coarsest == Tier.QUARTER) {
                split(Tier.QUARTER, a, b, reader.due(Tier.QUARTER), oldest, now - QUARTERS_ARE_MADE, tail);
            } else {
                minutes(a, b);
                if (tail) {
                    tail(a);
                }
            }
        }

        /** Reads the whole bins of a tier that are made, and the rest from the tier beneath. */
        private void split(Tier tier, long[] a, long[] b, long[] due, long[] oldest, long made, boolean tail)
                throws SQLException {
            Tier beneath = tier == Tier.HOUR ? Tier.QUARTER : Tier.MINUTE;
            long[] start = new long[a.length];
            long[] end = new long[a.length];
            for (int i = 0; i < a.length; i++) {
                start[i] = Math.min(b[i], tier.floor(a[i] + tier.millis - 1));
                // Where the rows beneath are gone a bin is as good as it will be.
                long gone = oldest[beneath.ordinal()] == Long.MAX_VALUE ? 0 : oldest[beneath.ordinal()];
                long finished = Math.min(tier.floor(made), Math.max(tier.floor(due[i]), tier.floor(gone)));
                end[i] = Math.max(start[i], Math.min(tier.floor(b[i]), finished));
            }
            if (readSome(tier, start, end)) {
                tiers.add(tier);
            }
            if (beneath == Tier.QUARTER) {
                long[] quarters = reader.due(Tier.QUARTER);
                split(Tier.QUARTER, a, start, quarters, oldest, now - QUARTERS_ARE_MADE, false);
                split(Tier.QUARTER, end, b, quarters, oldest, now - QUARTERS_ARE_MADE, tail);
            } else {
                minutes(a, start);
                minutes(end, b);
                if (tail) {
                    tail(end);
                }
            }
        }

        private boolean readSome(Tier tier, long[] a, long[] b) throws SQLException {
            return readSome(tier, a, b, this);
        }

        private void minutes(long[] a, long[] b) throws SQLException {
            boolean some = readSome(Tier.MINUTE, a, b, (jvm, key, time, row) -> {
                newest[jvm] = Math.max(newest[jvm], time);
                row(jvm, key, time, row);
            });
            if (some) {
                tiers.add(Tier.MINUTE);
            }
        }

        private boolean readSome(Tier tier, long[] a, long[] b, TierReader.Sink sink) throws SQLException {
            for (int i = 0; i < a.length; i++) {
                if (a[i] < b[i]) {
                    reader.read(tier, a, b, sink);
                    return true;
                }
            }
            return false;
        }

        /** Minutes that are not stored yet: of metrics in memory, of events in their table. */
        private void tail(long[] earliest) throws SQLException {
            long[] start = new long[jvms.size()];
            for (int i = 0; i < start.length; i++) {
                long stored = newest[i] == Long.MIN_VALUE ? Long.MIN_VALUE : newest[i] + Tier.MINUTE.millis;
                start[i] = Math.min(to, Math.max(Math.max(earliest[i], stored), now - LONGEST_TAIL));
            }
            if (counted) {
                memory |= readSome(Tier.SECOND, start, all(to));
                return;
            }
            for (int i = 0; i < start.length; i++) {
                if (start[i] < to) {
                    remembered(i, start[i]);
                }
            }
        }

        private void remembered(int jvm, long start) {
            tails(question.metric(), jvms.get(jvm).id(), question.key(), start, to)
                    .forEach((key, samples) -> {
                        for (int i = 0; i < samples.t().length; i++) {
                            memory = true;
                            row(jvm, key, samples.t()[i], sample(question.metric(), samples, i));
                        }
                    });
        }

        @Override
        public void row(int jvm, String key, long time, Rollup row) {
            if (tiers.contains(Tier.SECOND)) {
                newest[jvm] = Math.max(newest[jvm], Tier.MINUTE.floor(time));
            }
            if (time < from || time >= to) {
                return;
            }
            Jvm one = jvms.get(jvm);
            Group group = summing ? new Group(one.id(), one.service(), key) : group(one.id(), one.service(), key);
            @Nullable Bin[] line = groups.computeIfAbsent(group, g -> new Bin[bins]);
            int at = (int) ((time - from) / step);
            Bin bin = line[at];
            if (bin == null) {
                bin = new Bin();
                line[at] = bin;
            }
            bin.add(question.metric(), row);
        }

        private Group group(@Nullable UUID jvm, @Nullable String service, @Nullable String key) {
            return switch (question.by()) {
                case NONE -> new Group(null, null, null);
                case JVM -> new Group(jvm, service, null);
                case SERVICE -> new Group(null, service, null);
                case KEY -> new Group(null, service, key);
            };
        }

        private Answer evaluated(long until) {
            Map<Group, double[]> values = new HashMap<>();
            groups.forEach((group, line) -> {
                double[] sums = values.computeIfAbsent(group(group.jvm(), group.service(), group.key()), g -> {
                    double[] none = new double[bins];
                    Arrays.fill(none, Double.NaN);
                    return none;
                });
                for (int i = 0; i < bins; i++) {
                    Bin bin = line[i];
                    if (bin != null) {
                        long start = from + i * step;
                        double seconds = Math.max(1_000, Math.min(start + step, until) - start) / 1000.0;
                        double value = bin.value(question.metric(), question.aggregate(), seconds);
                        sums[i] = Double.isNaN(sums[i]) ? value : Double.isNaN(value) ? sums[i] : sums[i] + value;
                    }
                }
            });
            List<Series> series = values.entrySet().stream()
                    .filter(entry -> !Double.isNaN(mean(entry.getValue())))
                    .sorted(Comparator.comparingDouble((Map.Entry<Group, double[]> entry) -> -mean(entry.getValue()))
                            .thenComparing(entry -> entry.getKey().toString()))
                    .limit(question.series())
                    .map(entry -> new Series(
                            entry.getKey().jvm(),
                            entry.getKey().service(),
                            entry.getKey().key(),
                            entry.getValue()))
                    .toList();
            List<String> names = new ArrayList<>();
            tiers.forEach(tier -> names.add(0, tier.label));
            if (memory) {
                names.add("memory");
            }
            return new Answer(from, to, step, Math.min(until, to), names, jvms.size(), values.size(), series);
        }
    }

    private static double mean(double[] values) {
        return Arrays.stream(values)
                .filter(value -> !Double.isNaN(value))
                .average()
                .orElse(Double.NaN);
    }
}
