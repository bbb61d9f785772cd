package dev.pitot.web.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.util.RawValue;
import dev.pitot.web.live.Json;
import dev.pitot.web.store.EventConditions;
import dev.pitot.web.store.EventRow;
import dev.pitot.web.store.EventSearch;
import dev.pitot.web.store.FoundEvent;
import dev.pitot.web.store.StoredTypes;
import io.javalin.http.Context;
import java.sql.SQLException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The search for events over the fleet, a service or a JVM. Any thread. */
final class EventRoutes {
    static final String[] PARAMETERS = {
        "type", "jvm", "service", "label", "from", "to", "where", "sort", "limit", "after"
    };

    private static final long MINUTE = 60_000;
    private static final long LONGEST = 31 * 24 * 60 * MINUTE;
    private static final int MOST_JVMS = 1000;

    /** A search holds a connection for seconds, and whoever ships needs some, too. */
    private static final int MOST_AT_ONCE = 2;

    private static final String TIMED_OUT = "57014";

    private final EventSearch search;
    private final Function<Context, String> storedType;
    private final Clock clock;
    private final Semaphore running = new Semaphore(MOST_AT_ONCE, true);

    /** @param storedType the parameter {@code type}, checked */
    EventRoutes(EventSearch search, Function<Context, String> storedType, Clock clock) {
        this.search = search;
        this.storedType = storedType;
        this.clock = clock;
    }

    /**
     * @param chunk nanoseconds as text: the number does not fit into a browser's
     * @param jvm its id
     */
    private record Event(String type, UUID jvm, String service, long ts, String chunk, long offset, RawValue data) {}

    /**
     * @param sql texts of the statements among the events, by hash
     * @param next the cursor to go on with; null: there is no more
     * @param searchedTo of a page that is not complete: the time down to which was looked, milliseconds since the epoch
     * @param slowerThan of one that is not, slowest first: milliseconds of duration down to which was looked in the whole window
     */
    private record Answer(
            long from,
            long to,
            List<Event> events,
            Map<String, String> sql,
            @Nullable String next,
            boolean complete,
            @Nullable Long searchedTo,
            @Nullable Double slowerThan,
            long looked) {}

    void events(Context ctx) throws SQLException, InterruptedException {
        String type = storedType.apply(ctx);
        EventSearch.Scope scope = scope(ctx);
        EventConditions conditions = conditions(ctx);
        EventSearch.Order order = order(ctx);
        int limit = Parameters.whole(ctx, "limit", 1, 1000, 100);
        int asked = List.of(type, scope, conditions, order).toString().hashCode();
        String after = Parameters.one(ctx, "after");
        EventCursor cursor = after == null ? null : EventCursor.of(after);
        if (cursor != null
                && (cursor.question() != asked
                        || order
                                == EventSearch.Order.NEWEST
                                != (cursor.position().run() == EventSearch.Run.NEWEST))) {
            throw Problem.badRequest("'after' is of another question; leave it out, or ask as for the page before.");
        }
        Parameters.Window window = Parameters.window(ctx, clock.millis() + MINUTE, 10 * MINUTE, LONGEST);
        if (cursor != null) {
            // The window moves on with the clock where none is given; the pages are of that of the first one.
            window = new Parameters.Window(Math.max(cursor.from(), cursor.to() - LONGEST), cursor.to());
        }
        if (!running.tryAcquire(5, TimeUnit.SECONDS)) {
            throw Problem.tooMany("Other searches are running; try again in some seconds.", 5);
        }
        try {
            JvmRoutes.send(ctx, answer(scope, type, conditions, order, window, limit, asked, cursor));
        } catch (SQLException e) {
            if (TIMED_OUT.equals(e.getSQLState())) {
                throw Problem.unavailable(
                        "The search took too long; ask for a shorter window, for a service or for a JVM.");
            }
            throw e;
        } finally {
            running.release();
        }
    }

    private Answer answer(
            EventSearch.Scope scope,
            String type,
            EventConditions conditions,
            EventSearch.Order order,
            Parameters.Window window,
            int limit,
            int asked,
            @Nullable EventCursor cursor)
            throws SQLException {
        Map<UUID, String> jvms = jvms(scope, window);
        if (cursor == null) {
            refuseUnknownFields(jvms.keySet(), type, conditions, window);
        }
        EventSearch.Page page = search.page(
                new EventSearch.Question(jvms.keySet(), type, conditions, order, window.from(), window.to(), limit),
                cursor == null ? null : cursor.position());
        List<Event> events = page.events().stream()
                .map(found -> event(found, jvms.getOrDefault(found.jvm(), "")))
                .toList();
        EventSearch.Position next = page.next();
        boolean slow = next != null && next.run() == EventSearch.Run.SLOW;
        return new Answer(
                window.from(),
                window.to(),
                events,
                StoredTypes.WITH_SQL.contains(type) ? sql(page.events()) : Map.of(),
                next == null ? null : new EventCursor(asked, window.from(), window.to(), next).text(),
                page.complete(),
                page.complete() || next == null || slow ? null : (Long) searchedTo(next),
                page.complete() || next == null || !slow ? null : (Double) (next.took() / 1e6),
                page.looked());
    }

    private static long searchedTo(EventSearch.Position next) {
        long micros = next.run() == EventSearch.Run.NEWEST
                ? next.micros()
                : next.partFrom() >= 0 ? next.partFrom() : next.partTo() + 1;
        return Math.floorDiv(micros, 1000L);
    }

    private Map<String, String> sql(List<FoundEvent> events) throws SQLException {
        return search.sql(
                events.stream().map(FoundEvent::jvm).distinct().toList(),
                events.stream()
                        .map(found -> statement(found.event().dataJson()))
                        .distinct()
                        .toList());
    }

    private static String statement(String dataJson) {
        try {
            return Json.MAPPER.readTree(dataJson).path("statement").asText("");
        } catch (JsonProcessingException bug) {
            throw new IllegalStateException("the store gave what is not JSON", bug);
        }
    }

    private static Event event(FoundEvent found, String service) {
        EventRow row = found.event();
        return new Event(
                row.type(),
                found.jvm(),
                service,
                row.tsMillis(),
                Long.toString(row.chunkStart()),
                row.chunkOffset(),
                new RawValue(row.dataJson()));
    }

    private Map<UUID, String> jvms(EventSearch.Scope scope, Parameters.Window window) throws SQLException {
        Map<UUID, String> jvms = search.jvms(scope, window.from(), MOST_JVMS + 1);
        if (jvms.size() > MOST_JVMS) {
            throw Problem.badRequest(
                    "More than " + MOST_JVMS
                            + " JVMs may have events in this window; name a 'service' or a 'label', or ask for a later window.");
        }
        if (jvms.isEmpty() && scope.jvm() != null) {
            throw Problem.notFound("No JVM " + scope.jvm() + " is known here"
                    + (scope.service() == null && scope.label() == null ? "." : " with that service and label."));
        }
        return jvms;
    }

    /** A field that is mistyped would silently find nothing; one that is like none may be there and not have had a value lately. */
    private void refuseUnknownFields(Set<UUID> jvms, String type, EventConditions conditions, Parameters.Window window)
            throws SQLException {
        if (conditions.fields().isEmpty()) {
            return;
        }
        List<String> known = List.copyOf(search.fields(jvms, type, window.from(), window.to()));
        for (String field : conditions.fields()) {
            if (!known.contains(field) && Parameters.isNearAny(field, known)) {
                throw Problem.badRequest("Events of '" + type + "' have no field " + Parameters.quoted(field)
                        + "; did you mean '" + Parameters.nearest(field, known) + "'? There are '"
                        + String.join("', '", known) + "'.");
            }
        }
    }

    private static EventSearch.Scope scope(Context ctx) {
        String jvm = Parameters.one(ctx, "jvm");
        String label = Parameters.one(ctx, "label");
        int equals = label == null ? 0 : label.indexOf('=');
        if (label != null && equals <= 0) {
            throw Problem.badRequest(
                    "'label' must be a name and a value, such as version=1.5, not " + Parameters.quoted(label) + ".");
        }
        return new EventSearch.Scope(
                jvm == null ? null : Parameters.uuid(jvm),
                Parameters.one(ctx, "service"),
                label == null ? null : label.substring(0, equals),
                label == null ? null : label.substring(equals + 1));
    }

    private static EventConditions conditions(Context ctx) {
        String where = Parameters.one(ctx, "where");
        try {
            return EventConditions.parse(where == null ? "" : where);
        } catch (EventConditions.Misunderstood e) {
            throw Problem.badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static EventSearch.Order order(Context ctx) {
        String sort = Parameters.one(ctx, "sort");
        if (sort == null || sort.equals("time")) {
            return EventSearch.Order.NEWEST;
        }
        if (sort.equals("slowest")) {
            return EventSearch.Order.SLOWEST;
        }
        throw Problem.badRequest("'sort' is time or slowest, not " + Parameters.quoted(sort) + ".");
    }
}
