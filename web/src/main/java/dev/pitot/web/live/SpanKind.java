package dev.pitot.web.live;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Kinds of spans that have a summary event each second ({@code docs/spec/events.md}), and the live table made of it. */
public enum SpanKind {
    /** Requests served, by endpoint. */
    ENDPOINT("endpoints", "pitot.EndpointSummary", "method", "route"),
    /** SQL statements, by the hash of their text. */
    STATEMENT("statements", "pitot.StatementSummary", "statement"),
    /** HTTP calls made, by server. */
    CALL("calls", "pitot.CallSummary", "target"),
    /** Waits for a connection, by pool. */
    POOL("pools", "pitot.PoolSummary", "pool");

    private final String table;
    private final String type;
    private final List<String> keys;

    SpanKind(String table, String type, String... keys) {
        this.table = table;
        this.type = type;
        this.keys = List.of(keys);
    }

    /** What its table is called in the API. */
    public String table() {
        return table;
    }

    /** Name of its summary event. */
    public String type() {
        return type;
    }

    /** Fields of the event that tell one row from another. */
    public List<String> keys() {
        return keys;
    }

    /** The kind that a summary event is of; null for other events. */
    public static @Nullable SpanKind of(String type) {
        return switch (type) {
            case "pitot.EndpointSummary" -> ENDPOINT;
            case "pitot.StatementSummary" -> STATEMENT;
            case "pitot.CallSummary" -> CALL;
            case "pitot.PoolSummary" -> POOL;
            default -> null;
        };
    }
}
