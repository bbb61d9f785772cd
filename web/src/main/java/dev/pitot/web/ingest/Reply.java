package dev.pitot.web.ingest;

/**
 * The answer to one post.
 *
 * @param status HTTP status
 * @param text body, {@code text/plain; charset=utf-8}
 * @param retryAfterSeconds for the header {@code Retry-After}; 0: no such header
 */
public record Reply(int status, String text, int retryAfterSeconds) {}
