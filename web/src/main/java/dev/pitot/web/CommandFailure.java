package dev.pitot.web;

import org.jspecify.annotations.Nullable;

/** A command that cannot go on, for a reason a person can do something about: the message is one sentence. */
final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    private CommandFailure(int exitCode, String sentence, @Nullable Throwable cause) {
        super(sentence, cause);
        this.exitCode = exitCode;
    }

    /** What was asked for cannot be. */
    static CommandFailure badInput(String sentence) {
        return new CommandFailure(2, sentence, null);
    }

    /** What was asked for could not be done. */
    static CommandFailure failed(@Nullable String sentence, @Nullable Throwable cause) {
        return new CommandFailure(1, sentence == null ? "Pitot failed." : sentence, cause);
    }

    int exitCode() {
        return exitCode;
    }

    String sentence() {
        return sentence(String.valueOf(getMessage()));
    }

    /** Ends with a full stop. */
    static String sentence(String text) {
        return text.endsWith(".") ? text : text + ".";
    }
}
