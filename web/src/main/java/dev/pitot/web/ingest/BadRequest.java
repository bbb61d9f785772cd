package dev.pitot.web.ingest;

/** A post that cannot be taken; the message says what is wrong with it, as a sentence. */
final class BadRequest extends Exception {
    private static final long serialVersionUID = 1L;

    private final int status;

    BadRequest(int status, String sentence) {
        super(sentence, null, false, false);
        this.status = status;
    }

    /** HTTP status, 4xx. */
    int status() {
        return status;
    }

    String sentence() {
        return String.valueOf(getMessage());
    }
}
