package dev.pitot.web.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.pitot.web.live.Json;
import dev.pitot.web.store.Audit;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DiskGuard;
import dev.pitot.web.store.Durations;
import dev.pitot.web.store.Partitions.Table;
import dev.pitot.web.store.Pins;
import dev.pitot.web.store.Retention;
import dev.pitot.web.store.Storage;
import dev.pitot.web.store.StorageSizes;
import io.javalin.http.Context;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** How much is stored, for how long, and who has changed that. Any thread. */
final class StorageRoutes {
    private static final int MOST_BODY_BYTES = 16 * 1024;
    private static final int MOST_GAPS = 100;
    private static final Pattern SERVICE = Pattern.compile("[^\\x00]{1,200}");
    private static final long LAST_MILLIS = 253_402_300_799_999L;

    private final Storage storage;
    private final StorageSizes sizes;
    private final Database database;
    private final Clock clock;
    private final Predicate<Context> isAdmin;

    StorageRoutes(Storage storage, Database database, Clock clock, Predicate<Context> isAdmin) {
        this.storage = storage;
        this.sizes = new StorageSizes(database);
        this.database = database;
        this.clock = clock;
        this.isAdmin = isAdmin;
    }

    private record Disk(
            String room,
            @Nullable Long free,
            @Nullable Long reserve,
            @Nullable String sentence) {}

    private record Tier(
            String tier,
            String age,
            long bytes,
            long rows,
            @Nullable Long oldest) {}

    private record Overview(
            long now,
            long bytes,
            Disk disk,
            List<Tier> tiers,
            List<StorageSizes.Service> services,
            List<JsonNode> gaps) {}

    void storage(Context ctx) throws SQLException, IOException {
        StorageSizes.Sizes now = sizes.sizes();
        DiskGuard disk = storage.disk();
        List<JsonNode> gaps = new ArrayList<>();
        DiskGuard.Gap current = disk.gap();
        if (current != null) {
            gaps.add(Json.MAPPER.valueToTree(current));
        }
        for (Audit.Entry entry : Audit.list(database, Storage.GAP, LAST_MILLIS, MOST_GAPS)) {
            gaps.add(tree(entry.after()));
        }
        JvmRoutes.send(
                ctx,
                new Overview(
                        clock.millis(),
                        now.databaseBytes(),
                        new Disk(
                                disk.room().name().toLowerCase(Locale.ROOT),
                                disk.free() < 0 ? null : Long.valueOf(disk.free()),
                                disk.reserve() == 0 ? null : Long.valueOf(disk.reserve()),
                                disk.sentence()),
                        now.tiers().stream()
                                .map(tier -> new Tier(
                                        tier.table().tier(),
                                        Durations.text(storage.retention()
                                                .state()
                                                .all()
                                                .of(tier.table())),
                                        tier.bytes(),
                                        tier.rows(),
                                        tier.oldest()))
                                .toList(),
                        now.services(),
                        gaps));
    }

    private record Setting(
            String tier,
            String age,
            @Nullable String standard,
            @Nullable String changedBy,
            @Nullable Long changedAt) {}

    private record Settings(boolean mayChange, List<Setting> tiers, Map<String, Map<String, String>> services) {}

    void retention(Context ctx) {
        Retention.State state = storage.retention().state();
        List<Setting> tiers = new ArrayList<>();
        for (Table table : Table.values()) {
            Retention.Change change = state.changes().get(table);
            tiers.add(new Setting(
                    table.tier(),
                    Durations.text(state.all().of(table)),
                    Durations.text(storage.retention().defaults().of(table)),
                    change == null ? null : change.who(),
                    change == null ? null : Long.valueOf(change.at())));
        }
        Map<String, Map<String, String>> services = new LinkedHashMap<>();
        state.services().forEach((service, ages) -> {
            Map<String, String> texts = new LinkedHashMap<>();
            ages.forEach((table, age) -> texts.put(table.tier(), Durations.text(age)));
            services.put(service, texts);
        });
        JvmRoutes.send(ctx, new Settings(isAdmin.test(ctx), tiers, services));
    }

    /** {@code {"service": "shop", "ages": {"events": "1h", "blocks": null}}}; without a service, of all. */
    void setRetention(Context ctx) throws IOException, SQLException {
        JsonNode body = body(ctx);
        only(body, "service", "ages");
        JsonNode service = body.path("service");
        if (!service.isMissingNode()
                && !service.isNull()
                && (!service.isTextual() || !SERVICE.matcher(service.asText()).matches())) {
            throw Problem.badRequest("'service' must be the name of a service, or be left out.");
        }
        JsonNode given = body.path("ages");
        if (!given.isObject() || given.isEmpty()) {
            throw Problem.badRequest("'ages' must be an object such as {\"events\": \"12h\"}.");
        }
        Map<Table, @Nullable Duration> ages = new HashMap<>();
        for (Map.Entry<String, JsonNode> entry : given.properties()) {
            Table table = Table.ofTier(entry.getKey())
                    .orElseThrow(() -> Problem.badRequest("There is no tier " + Parameters.quoted(entry.getKey())
                            + "; there are "
                            + Arrays.stream(Table.values()).map(Table::tier).collect(Collectors.joining(", ")) + "."));
            ages.put(table, age(entry.getKey(), entry.getValue()));
        }
        try {
            storage.retention().set(service.isTextual() ? service.asText() : null, ages, who(ctx));
        } catch (IllegalArgumentException e) {
            throw Problem.badRequest(String.valueOf(e.getMessage()));
        }
        retention(ctx);
    }

    private static @Nullable Duration age(String tier, JsonNode value) {
        if (value.isNull()) {
            return null;
        }
        try {
            return Durations.parse(value.isTextual() ? value.asText() : value.toString());
        } catch (IllegalArgumentException e) {
            throw Problem.badRequest("'" + tier + "': " + Parameters.quoted(value.asText())
                    + " is no duration; write a number and s, m, h or d, as in \"48h\".");
        }
    }

    private record Entry(UUID id, long at, String who, String what, JsonNode before, JsonNode after) {}

    void audit(Context ctx) throws SQLException, IOException {
        long before = Parameters.millis(ctx, "before", LAST_MILLIS);
        int limit = Parameters.whole(ctx, "limit", 1, 1000, 100);
        List<Entry> entries = new ArrayList<>();
        for (Audit.Entry e : Audit.list(database, null, before, limit)) {
            entries.add(new Entry(e.id(), e.at(), e.who(), e.what(), tree(e.before()), tree(e.after())));
        }
        JvmRoutes.send(ctx, Map.of("audit", entries));
    }

    private static JsonNode tree(@Nullable String json) throws IOException {
        return json == null ? JsonNodeFactory.instance.nullNode() : Json.MAPPER.readTree(json);
    }

    void pins(Context ctx) throws SQLException {
        JvmRoutes.send(ctx, Map.of("pins", storage.pins().list()));
    }

    /** {@code {"jvm": "uuid", "from": ms, "to": ms, "note": "text"}}. */
    void pin(Context ctx) throws IOException, SQLException {
        JsonNode body = body(ctx);
        only(body, "jvm", "from", "to", "note");
        UUID jvm = Parameters.uuid(body.path("jvm").asText());
        Pins.Pin pin;
        try {
            pin = storage.pins()
                    .add(
                            jvm,
                            millis(body, "from"),
                            millis(body, "to"),
                            body.path("note").asText(),
                            who(ctx))
                    .orElseThrow(() -> Problem.notFound("There is no JVM " + jvm + " here."));
        } catch (IllegalArgumentException e) {
            throw Problem.badRequest(String.valueOf(e.getMessage()));
        }
        ctx.status(201);
        JvmRoutes.send(ctx, pin);
    }

    private static long millis(JsonNode body, String name) {
        JsonNode value = body.path(name);
        if (!value.isIntegralNumber()
                || !value.canConvertToLong()
                || value.asLong() < 0
                || value.asLong() > LAST_MILLIS) {
            throw Problem.badRequest("'" + name + "' must be milliseconds since the epoch, a number.");
        }
        return value.asLong();
    }

    void unpin(Context ctx) throws SQLException {
        String id = ctx.pathParam("id");
        if (!storage.pins().remove(Parameters.uuid(id), who(ctx))) {
            throw Problem.notFound("There is no pin " + Parameters.quoted(id) + "; it may have been removed already.");
        }
        ctx.status(204);
    }

    private static JsonNode body(Context ctx) throws IOException {
        if (!HttpServer.hasType(ctx, "application/json")) {
            throw Problem.unsupported("The content type must be application/json.");
        }
        try {
            JsonNode body = Json.MAPPER.readTree(HttpServer.body(ctx, MOST_BODY_BYTES));
            if (body != null && body.isObject()) {
                return body;
            }
        } catch (JsonProcessingException notJson) {
            throw Problem.badRequest("The body is not JSON.");
        }
        throw Problem.badRequest("The body must be a JSON object.");
    }

    /** A name that is mistyped would silently do something else. */
    private static void only(JsonNode body, String... names) {
        body.fieldNames().forEachRemaining(name -> {
            if (!Arrays.asList(names).contains(name)) {
                throw Problem.badRequest("The body has no " + Parameters.quoted(name) + "; it may have "
                        + String.join(", ", names) + ".");
            }
        });
    }

    private static String who(Context ctx) {
        return (ctx.header("Authorization") == null ? "admin session" : "admin token") + " from " + ctx.ip();
    }
}
