package dev.pitot.web.api;

import org.jspecify.annotations.Nullable;

/** A request that is answered with an error: a status and one sentence for a person. */
final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final int retryAfterSeconds;

    private Problem(int status, String sentence, int retryAfterSeconds) {
        // The stack says nothing that the status and sentence do not.
        super(sentence, null, false, false);
        this.status = status;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    static Problem badRequest(String sentence) {
        return new Problem(400, sentence, 0);
    }

    static Problem unauthorized(String sentence) {
        return new Problem(401, sentence, 0);
    }

    static Problem forbidden(String sentence) {
        return new Problem(403, sentence, 0);
    }

    static Problem notFound(String sentence) {
        return new Problem(404, sentence, 0);
    }

    static Problem tooLarge(String sentence) {
        return new Problem(413, sentence, 0);
    }

    static Problem unsupported(String sentence) {
        return new Problem(415, sentence, 0);
    }

    static Problem tooMany(String sentence, int retryAfterSeconds) {
        return new Problem(429, sentence, retryAfterSeconds);
    }

    static Problem unavailable(String sentence) {
        return new Problem(503, sentence, 5);
    }

    int status() {
        return status;
    }

    String sentence() {
        @Nullable String message = getMessage();
        return message == null ? "" : message;
    }

    /** For {@code Retry-After}; 0: none. */
    int retryAfterSeconds() {
        return retryAfterSeconds;
    }
}
