package dev.pitot.web.compare;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What a figure is of. */
public enum Kind {
    /** The JVM's process; it has no key. */
    PROCESS(""),
    /** All endpoints together; it has no key. */
    REQUESTS(""),
    /** One method and route. */
    ENDPOINT("pitot.EndpointSummary"),
    /** One SQL statement, by its hash. */
    STATEMENT("pitot.StatementSummary"),
    /** One server that is called. */
    CALL("pitot.CallSummary"),
    /** One connection pool. */
    POOL("pitot.PoolSummary");

    private final String type;

    Kind(String type) {
        this.type = type;
    }

    /** Its name in the API and in conditions of the gate. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The kind of a summary event. */
    static Optional<Kind> ofType(String type) {
        return Arrays.stream(values())
                .filter(kind -> !type.isEmpty() && kind.type.equals(type))
                .findFirst();
    }

    /** The kind of this name. */
    public static Optional<Kind> of(String label) {
        return Arrays.stream(values())
                .filter(kind -> kind.label().equals(label))
                .findFirst();
    }
}
