package dev.pitot.web;

import java.io.IOException;
import java.nio.file.FileSystemException;
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

    /** Why something about a file could not be, in words: the JDK's own messages are often the file's name alone. */
    static String reason(IOException e) {
        if (!(e instanceof FileSystemException file)) {
            return String.valueOf(e.getMessage());
        }
        String what =
                switch (e.getClass().getSimpleName()) {
                    case "FileAlreadyExistsException" -> "it exists already and is no folder";
                    case "AccessDeniedException" -> "permission denied";
                    case "NoSuchFileException" -> "it does not exist";
                    case "NotDirectoryException" -> "it is no folder";
                    case "DirectoryNotEmptyException" -> "it is not empty";
                    default -> file.getReason() == null ? "it cannot be used" : file.getReason();
                };
        return file.getFile() == null ? what : file.getFile() + ": " + what;
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
