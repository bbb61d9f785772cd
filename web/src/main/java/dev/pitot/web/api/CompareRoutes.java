package dev.pitot.web.api;

import dev.pitot.web.compare.Comparer;
import dev.pitot.web.compare.Comparison;
import dev.pitot.web.compare.Samples;
import dev.pitot.web.compare.Selection;
import dev.pitot.web.live.Json;
import dev.pitot.web.store.CompareQueries;
import dev.pitot.web.store.CompareQueries.Jvm;
import dev.pitot.web.store.CompareQueries.Tier;
import dev.pitot.web.store.Histogram;
import io.javalin.http.Context;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@code GET /api/v1/compare}. Two are computed at a time: each may hold some 100 MB for a moment. */
final class CompareRoutes {
    private static final int MOST_AT_ONCE = 2;
    private static final int MOST_CHANGES = 20_000;
    /** More make a resample dearer and say little more. */
    private static final long MOST_BINS = 120;

    private static final long MINUTE = 60_000;
    private static final long DAY = 24 * 60 * MINUTE;
    private static final long LONGEST = 400 * DAY;
    private static final long[] SECONDS = {1, 2, 5, 10, 15, 20, 30, 60};
    private static final Pattern SHARE = Pattern.compile("(\\d{1,4}(?:\\.\\d{1,6})?)\\s*%?");
    private static final Pattern WARMUP = Pattern.compile("(\\d{1,5})(s|m)");
    private static final String CANCELED = "57014";

    private final CompareQueries queries;
    private final Clock clock;
    private final Semaphore running = new Semaphore(MOST_AT_ONCE);

    CompareRoutes(CompareQueries queries, Clock clock) {
        this.queries = queries;
        this.clock = clock;
    }

    private record Side(Comparison.Side description, Samples samples, List<Jvm> jvms) {}

    void compare(Context ctx) throws SQLException {
        long now = clock.millis();
        Selection a;
        Selection b;
        try {
            String common = Parameters.one(ctx, "window");
            Selection.Window window = common == null ? null : Selection.Window.parse(common, now);
            a = Selection.parse("a", Parameters.required(ctx, "a"), now, window);
            b = Selection.parse("b", Parameters.required(ctx, "b"), now, window);
        } catch (IllegalArgumentException e) {
            throw Problem.badRequest(String.valueOf(e.getMessage()));
        }
        double minChange = share(Parameters.one(ctx, "minChange"));
        long warmup = warmup(Parameters.one(ctx, "warmup"));
        int limit = Parameters.whole(ctx, "limit", 1, MOST_CHANGES, 1_000);
        if (!running.tryAcquire()) {
            throw Problem.unavailable("Two comparisons are being made already; try again in some seconds.");
        }
        try {
            Side sideA = side("A", a, warmup, now);
            Side sideB = side("B", b, warmup, now);
            refuseTheSame(sideA, sideB);
            Comparison comparison = new Comparer(minChange)
                    .compare(sideA.description(), sideA.samples(), sideB.description(), sideB.samples(), limit);
            ctx.contentType("application/json").result(Json.text(comparison).getBytes(StandardCharsets.UTF_8));
        } catch (SQLException e) {
            if (CANCELED.equals(e.getSQLState())) {
                throw Problem.unavailable("The comparison took too long; choose shorter windows or fewer JVMs.");
            }
            throw e;
        } finally {
            running.release();
        }
    }

    private static double share(@Nullable String text) {
        if (text == null) {
            return 0.01;
        }
        Matcher percent = SHARE.matcher(text);
        if (!percent.matches()) {
            throw Problem.badRequest(
                    "'minChange' must be a percentage such as 5%, not " + Parameters.quoted(text) + ".");
        }
        return Double.parseDouble(percent.group(1)) / 100;
    }

    private static long warmup(@Nullable String text) {
        Matcher time = WARMUP.matcher(text == null ? "0s" : text);
        if (!time.matches()) {
            throw Problem.badRequest(
                    "'warmup' must be a time such as 30s or 5m, not " + Parameters.quoted(String.valueOf(text)) + ".");
        }
        return Long.parseLong(time.group(1)) * (time.group(2).equals("s") ? 1_000 : MINUTE);
    }

    private Side side(String name, Selection selection, long warmup, long now) throws SQLException {
        Selection.Window window = selection.window();
        long from = window == null ? now - LONGEST : window.from();
        long to = window == null ? now : window.to();
        if (to - from > LONGEST) {
            throw Problem.badRequest("The window of " + name + " is longer than 400 days.");
        }
        List<Jvm> jvms = queries.jvms(selection.jvm(), selection.service(), selection.labels(), from, to);
        if (jvms.isEmpty()) {
            throw Problem.notFound("No JVM was heard of that matches " + name + ", "
                    + Parameters.quoted(selection.text()) + (window == null ? "." : ", in its window."));
        }
        if (jvms.size() > CompareQueries.MOST_JVMS) {
            throw Problem.badRequest("More than " + CompareQueries.MOST_JVMS + " JVMs match " + name + ", "
                    + Parameters.quoted(selection.text()) + "; name a label that fewer have.");
        }
        if (window == null) {
            // As long as its JVMs lived: a run of a build has no better window.
            to = jvms.stream().mapToLong(Jvm::lastSeen).max().orElse(to) + 1_000;
            from = Math.max(
                    to - DAY, jvms.stream().mapToLong(Jvm::firstSeen).min().orElse(from));
            from = Math.max(from, jvms.stream().mapToLong(Jvm::started).min().orElse(from) + warmup);
        }
        if (from >= to) {
            throw Problem.badRequest("Nothing is left of the window of " + name + " after the warm-up.");
        }
        return read(selection, jvms, warmup, from, to);
    }

    /** From the tier that suits the length; from the next one where that has too little, as retention has dropped it say. */
    private Side read(Selection selection, List<Jvm> jvms, long warmup, long from, long to) throws SQLException {
        long length = to - from;
        List<Tier> tiers = length <= 30 * MINUTE
                ? List.of(Tier.SECONDS, Tier.MINUTES)
                : length <= 6 * 60 * MINUTE
                        ? List.of(Tier.MINUTES, Tier.QUARTERS)
                        : length <= 8 * DAY
                                ? List.of(Tier.QUARTERS, Tier.MINUTES, Tier.HOURS)
                                : List.of(Tier.HOURS, Tier.QUARTERS);
        Side best = null;
        for (Tier tier : tiers) {
            Side side = read(tier, selection, jvms, warmup, from, to);
            if (side != null
                    && (best == null
                            || side.description().bins() > best.description().bins())) {
                best = side;
            }
            if (best != null && best.description().bins() >= Comparer.LEAST_BINS) {
                break;
            }
        }
        if (best == null) {
            throw Problem.badRequest("There is more than can be compared at once in "
                    + Parameters.quoted(selection.text()) + "; choose a shorter window or fewer JVMs.");
        }
        return best;
    }

    private @Nullable Side read(Tier tier, Selection selection, List<Jvm> jvms, long warmup, long from, long to)
            throws SQLException {
        long row = tier.width();
        // Whole bins only.
        long begin = tier == Tier.SECONDS ? from : -Math.floorDiv(-from, row) * row;
        long end = tier == Tier.SECONDS ? to : Math.floorDiv(to, row) * row;
        long bin = row;
        if (tier == Tier.SECONDS) {
            for (long seconds : SECONDS) {
                bin = (end - begin) / (seconds * 1_000) >= Comparer.LEAST_BINS ? seconds * 1_000 : bin;
            }
        } else {
            bin = row * Math.max(1, -Math.floorDiv(-(end - begin) / row, MOST_BINS));
        }
        int bins = (int) Math.max(0, (end - begin) / bin);
        Samples samples = new Samples(bins, bin);
        boolean all = true;
        if (bins > 0) {
            long width = bin;
            long[] starts = new long[jvms.size()];
            for (int i = 0; i < starts.length; i++) {
                starts[i] = warmup == 0 ? begin : Math.max(begin, jvms.get(i).started() + warmup);
            }
            all = queries.read(tier, jvms, starts, begin + bins * bin, new CompareQueries.Sink() {
                @Override
                public void spans(
                        int jvm,
                        long millis,
                        String type,
                        String key,
                        Map<String, Double> fields,
                        Histogram durations) {
                    samples.addSpans(
                            jvm,
                            (int) Math.floorDiv(millis - begin, width),
                            type,
                            key,
                            field -> fields.getOrDefault(field, Double.NaN),
                            durations);
                }

                @Override
                public void process(int jvm, long millis, String field, double sum, double values) {
                    samples.addProcess(jvm, (int) Math.floorDiv(millis - begin, width), field, sum, values);
                }
            });
        }
        if (!all) {
            return null;
        }
        return new Side(
                new Comparison.Side(
                        selection.text(),
                        begin,
                        begin + bins * bin,
                        bin,
                        samples.measuredBins(),
                        tier.table(),
                        jvms.stream()
                                .map(Jvm::service)
                                .distinct()
                                .sorted()
                                .limit(20)
                                .toList(),
                        jvms.size()),
                samples,
                jvms);
    }

    private static void refuseTheSame(Side a, Side b) {
        boolean overlap = a.description().from() < b.description().to()
                && b.description().from() < a.description().to();
        List<Jvm> shared = new ArrayList<>(a.jvms());
        shared.retainAll(b.jvms());
        if (overlap && !shared.isEmpty()) {
            throw Problem.badRequest("A and B share the JVM " + shared.get(0).id()
                    + " at the same time; choose windows or labels that do not overlap.");
        }
    }
}
