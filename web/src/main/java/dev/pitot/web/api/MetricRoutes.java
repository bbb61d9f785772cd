package dev.pitot.web.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.pitot.web.live.Json;
import dev.pitot.web.store.Aggregate;
import dev.pitot.web.store.Metric;
import dev.pitot.web.store.Metrics;
import dev.pitot.web.store.RangeQueries;
import dev.pitot.web.store.StoredTypes;
import io.javalin.http.Context;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** Charts, newest values and rankings of any metric, over JVMs, services and the fleet. */
final class MetricRoutes {
    /** Of percentiles: half a bucket. */
    private static final double ERROR = 0.032;

    private static final long HOUR = 3_600_000;
    /** More than any retention keeps. */
    private static final long LONGEST = 20L * 366 * 24 * HOUR;

    private static final int MOST_LABELS = 16;

    private final RangeQueries queries;
    private final Clock clock;

    MetricRoutes(RangeQueries queries, Clock clock) {
        this.queries = queries;
        this.clock = clock;
    }

    void list(Context ctx) {
        send(
                ctx,
                Map.of(
                        "metrics",
                        Metrics.all().stream()
                                .map(metric -> new Listed(
                                        metric.name(),
                                        metric.type(),
                                        StoredTypes.keyFields(metric.type()),
                                        metric.unit(),
                                        metric.definition()))
                                .toList()));
    }

    private record Listed(String name, String type, List<String> key, String unit, String definition) {}

    void range(Context ctx) throws SQLException {
        Metric metric = metric(ctx);
        Aggregate aggregate = aggregate(ctx, metric);
        RangeQueries.By by = by(ctx, metric, RangeQueries.By.NONE);
        Parameters.Window window = Parameters.window(ctx, clock.millis(), HOUR, LONGEST);
        RangeQueries.Question question = new RangeQueries.Question(
                metric,
                who(ctx),
                key(ctx, metric),
                by,
                aggregate,
                window.from(),
                window.to(),
                Parameters.whole(ctx, "points", 1, 2_000, 600),
                Parameters.whole(ctx, "limit", 1, 200, 50));
        RangeQueries.Answer answer = bounded(() -> queries.range(question));
        int bins = (int) ((answer.to() - answer.from()) / answer.step());
        send(
                ctx,
                new Range(
                        metric.name(),
                        aggregate.name(),
                        metric.unit(),
                        answer.step(),
                        answer.tiers(),
                        aggregate.kind() == Aggregate.Kind.PERCENTILE ? (Double) ERROR : null,
                        answer.until(),
                        answer.jvms(),
                        answer.total(),
                        LongStream.range(0, bins)
                                .map(i -> answer.from() + i * answer.step())
                                .toArray(),
                        answer.series().stream().map(Line::of).toList()));
    }

    /** @param error most that a value is off, as a part of it; of percentiles only */
    private record Range(
            String metric,
            String agg,
            String unit,
            long step,
            List<String> tiers,

            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
            Double error,

            long until,
            int jvms,
            int total,
            long[] t,
            List<Line> series) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Line(
            @Nullable UUID jvm,
            @Nullable String service,
            @Nullable String key,
            double[] values) {
        static Line of(RangeQueries.Series series) {
            return new Line(series.jvm(), series.service(), series.key(), series.values());
        }
    }

    void top(Context ctx) throws SQLException {
        Metric metric = metric(ctx);
        Aggregate aggregate = aggregate(ctx, metric);
        RangeQueries.By by = by(ctx, metric, null);
        Parameters.Window window = Parameters.window(ctx, clock.millis(), HOUR, LONGEST);
        RangeQueries.Question question = new RangeQueries.Question(
                metric,
                who(ctx),
                key(ctx, metric),
                by,
                aggregate,
                window.from(),
                window.to(),
                1,
                Parameters.whole(ctx, "limit", 1, 1_000, 10));
        RangeQueries.Answer answer = bounded(() -> queries.total(question));
        send(
                ctx,
                new Top(
                        metric.name(),
                        aggregate.name(),
                        metric.unit(),
                        answer.from(),
                        answer.to(),
                        answer.tiers(),
                        aggregate.kind() == Aggregate.Kind.PERCENTILE ? (Double) ERROR : null,
                        answer.until(),
                        answer.jvms(),
                        answer.total(),
                        answer.series().stream().map(Place::of).toList()));
    }

    private record Top(
            String metric,
            String agg,
            String unit,
            long from,
            long to,
            List<String> tiers,

            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
            Double error,

            long until,
            int jvms,
            int total,
            List<Place> top) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Place(
            @Nullable UUID jvm,
            @Nullable String service,
            @Nullable String key,
            double value) {
        static Place of(RangeQueries.Series series) {
            return new Place(series.jvm(), series.service(), series.key(), series.values()[0]);
        }
    }

    void latest(Context ctx) throws SQLException {
        Metric metric = metric(ctx);
        RangeQueries.Who who = who(ctx);
        String key = key(ctx, metric);
        int limit = Parameters.whole(ctx, "limit", 1, 10_000, 1_000);
        send(ctx, new Newest(metric.name(), metric.unit(), bounded(() -> queries.latest(metric, who, key, limit))));
    }

    private record Newest(String metric, String unit, List<RangeQueries.Latest> values) {}

    /** Something that asks the store. */
    private interface Asking<T> {
        T answer() throws SQLException;
    }

    private static <T> T bounded(Asking<T> asking) throws SQLException {
        try {
            return asking.answer();
        } catch (RangeQueries.TooMuch e) {
            throw Problem.badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static Metric metric(Context ctx) {
        String name = Parameters.required(ctx, "metric");
        return Metrics.of(name)
                .orElseThrow(() -> Problem.badRequest(Parameters.quoted(name)
                        + " is no metric; /api/v1/metrics lists those that are computed, and any field of a stored type is one,"
                        + " such as 'pitot.JvmMemory.heapUsed'."));
    }

    private static Aggregate aggregate(Context ctx, Metric metric) {
        String given = Parameters.one(ctx, "agg");
        String name = given == null ? "avg" : given;
        Aggregate aggregate = Aggregate.of(name)
                .orElseThrow(
                        () -> Problem.badRequest("'agg' must be avg, min, max, sum, total, rate, count or a percentile"
                                + " such as p99.9, not " + Parameters.quoted(name) + "."));
        String refusal = aggregate.refusal(metric);
        if (refusal != null) {
            throw Problem.badRequest(refusal);
        }
        return aggregate;
    }

    /** @param absent when it is not given; null: it must be */
    private static RangeQueries.By by(Context ctx, Metric metric, RangeQueries.@Nullable By absent) {
        String by = absent == null ? Parameters.required(ctx, "by") : Parameters.one(ctx, "by");
        if (by == null && absent != null) {
            return absent;
        }
        boolean key = by != null && List.of("key", "endpoint", "statement").contains(by);
        if (key && StoredTypes.keyFields(metric.type()).isEmpty()) {
            throw Problem.badRequest("'" + metric.name() + "' has no keys; ask for by=jvm or by=service.");
        }
        if ("endpoint".equals(by) && !metric.type().equals("pitot.EndpointSummary")
                || "statement".equals(by) && !metric.type().equals("pitot.StatementSummary")) {
            throw Problem.badRequest("'" + metric.name() + "' is not of each " + by
                    + "; ask for one whose name begins with '" + by + ".', such as '" + by + ".cpuCores'.");
        }
        if (key) {
            return RangeQueries.By.KEY;
        }
        return Arrays.stream(RangeQueries.By.values())
                .filter(one -> one.name().toLowerCase(Locale.ROOT).equals(by))
                .findFirst()
                .orElseThrow(() -> Problem.badRequest("'by' must be none, jvm, service or key (of spans: endpoint or"
                        + " statement), not " + Parameters.quoted(String.valueOf(by)) + "."));
    }

    private static @Nullable String key(Context ctx, Metric metric) {
        String key = Parameters.one(ctx, "key");
        if (key != null && StoredTypes.keyFields(metric.type()).isEmpty()) {
            throw Problem.badRequest("'" + metric.name() + "' has no keys; leave 'key' out.");
        }
        return key == null ? null : StoredTypes.key(key);
    }

    private static RangeQueries.Who who(Context ctx) {
        String jvm = Parameters.one(ctx, "jvm");
        String service = Parameters.one(ctx, "service");
        if (jvm != null && service != null) {
            throw Problem.badRequest("Give 'jvm' or 'service', not both.");
        }
        Map<String, String> labels = new LinkedHashMap<>();
        List<String> given = ctx.queryParams("label");
        if (given.size() > MOST_LABELS) {
            throw Problem.badRequest("'label' is given " + given.size() + " times; at most " + MOST_LABELS + ".");
        }
        for (String label : given) {
            int colon = label.indexOf(':');
            if (colon < 1) {
                throw Problem.badRequest("'label' is a name, a colon and a value, such as version:1.4, not "
                        + Parameters.quoted(label) + ".");
            }
            labels.put(label.substring(0, colon), label.substring(colon + 1));
        }
        return new RangeQueries.Who(
                jvm == null ? null : Parameters.uuid(jvm), service == null ? null : service.replace("\0", ""), labels);
    }

    private static void send(Context ctx, Object answer) {
        ctx.contentType("application/json").result(Json.text(answer));
    }
}
