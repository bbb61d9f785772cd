package dev.pitot.web.store;

import dev.pitot.web.store.RangeQueries.Answer;
import dev.pitot.web.store.RangeQueries.Group;
import dev.pitot.web.store.RangeQueries.Jvm;
import dev.pitot.web.store.RangeQueries.Question;
import dev.pitot.web.store.RangeQueries.Series;
import java.sql.SQLException;
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

/** The work on one question: reads the tiers and memory, and puts what they have into bins. One per request, on the request's thread. */
final class RangeReading implements TierReader.Sink {
    /** Of more JVMs, summaries of minutes that are not stored yet are left out. */
    private static final int FEW_JVMS = 10;

    private static final long QUARTERS_ARE_MADE = 5 * 60_000;
    private static final long HOURS_ARE_MADE = 15 * 60_000;
    private static final long LONGEST_TAIL = 2 * 3_600_000;

    private final Question question;
    private final boolean whole;
    private final long now;
    private final Remembered remembered;
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

    RangeReading(Question question, boolean whole, long now, List<Jvm> jvms, TierReader reader, Remembered remembered) {
        this.question = question;
        this.whole = whole;
        this.now = now;
        this.jvms = jvms;
        this.reader = reader;
        this.remembered = remembered;
        this.counted = StoredTypes.COUNTED.containsKey(question.metric().type());
        this.summing = question.aggregate().kind() == Aggregate.Kind.SUM
                && !(question.metric().formula() instanceof Metric.PerSecond);
        this.newest = new long[jvms.size()];
        Arrays.fill(newest, Long.MIN_VALUE);
    }

    Answer answer() throws SQLException {
        long[] oldest = reader.oldest();
        TierPlan plan = TierPlan.of(question, whole, jvms.size(), oldest, reader);
        from = plan.from();
        to = plan.to();
        step = plan.step();
        bins = plan.bins();
        Tier tier = plan.tier();
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
        remembered
                .samples(question.metric(), jvms.get(jvm).id(), question.key(), start, to)
                .forEach((key, samples) -> {
                    for (int i = 0; i < samples.t().length; i++) {
                        memory = true;
                        row(jvm, key, samples.t()[i], Remembered.sample(question.metric(), samples, i));
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

    private static double mean(double[] values) {
        return Arrays.stream(values)
                .filter(value -> !Double.isNaN(value))
                .average()
                .orElse(Double.NaN);
    }
}
