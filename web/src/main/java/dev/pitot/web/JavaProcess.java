package dev.pitot.web;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * A process that runs HotSpot, found in {@code /proc} (proc(5)) and without touching it. What is read here every user may read of every
 * process, so that a JVM of somebody else is known to be one.
 *
 * @param uid its effective user
 * @param user the name of that, or the number
 * @param main main class, or file name of the jar
 * @param measured whether a thread of the agent's runs in it
 */
record JavaProcess(long pid, long uid, String user, String main, boolean measured) {
    private static final Path PROC = Path.of("/proc");
    /** HotSpot names its threads for the kernel too; this one is in every JVM, and in nothing else. */
    private static final String EVERY_JVM_HAS = "VM Thread";

    private static final String AGENT_HAS = "pitot-sampler";
    private static final List<String> OPTION_VARIABLES =
            List.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS");
    /** Options of the java launcher whose value is the next word. */
    private static final Set<String> WITH_VALUE = Set.of(
            "-cp",
            "-classpath",
            "--class-path",
            "-p",
            "--module-path",
            "--upgrade-module-path",
            "--add-modules",
            "--limit-modules",
            "--add-exports",
            "--add-opens",
            "--add-reads",
            "--patch-module",
            "--enable-native-access",
            "--source");

    /**
     * The one with this number.
     *
     * @throws CommandFailure when there is none, or it is no JVM
     */
    static JavaProcess of(long pid) {
        List<String> threads = threads(pid);
        if (threads.isEmpty()) {
            throw CommandFailure.failed("There is no process " + pid + " here.", null);
        }
        if (!threads.contains(EVERY_JVM_HAS)) {
            throw CommandFailure.failed(
                    "Process " + pid + " (" + text(PROC.resolve(pid + "/comm")).strip()
                            + ") is no Java virtual machine, or one that has only just started.",
                    null);
        }
        return of(pid, threads);
    }

    /** All that this user can see but the calling one, by number. */
    static List<JavaProcess> all() {
        List<JavaProcess> found = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                long pid = Long.parseLong(process.getFileName().toString());
                List<String> threads = threads(pid);
                if (threads.contains(EVERY_JVM_HAS)
                        && pid != ProcessHandle.current().pid()) {
                    found.add(of(pid, threads));
                }
            }
        } catch (IOException noProc) {
            throw CommandFailure.failed(
                    "The processes of this machine cannot be listed (" + CommandFailure.reason(noProc)
                            + "); this needs Linux with /proc mounted.",
                    noProc);
        }
        found.sort(Comparator.comparingLong(JavaProcess::pid));
        return found;
    }

    private static JavaProcess of(long pid, List<String> threads) {
        // Real, effective, saved, file system.
        String[] uids = field(text(PROC.resolve(pid + "/status")), "Uid").split("\\s+");
        long uid = uids.length > 1 ? Long.parseLong(uids[1]) : -1;
        String user = ProcessHandle.of(pid).flatMap(it -> it.info().user()).orElse(String.valueOf(uid));
        return new JavaProcess(pid, uid, user, main(command(pid)), threads.contains(AGENT_HAS));
    }

    /** Names of its threads as the kernel knows them, at most 15 characters each; empty when there is no such process. */
    private static List<String> threads(long pid) {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(PROC.resolve(pid + "/task"))) {
            for (Path task : tasks) {
                names.add(text(task.resolve("comm")).strip());
            }
        } catch (IOException | RuntimeException ended) {
            // Then there is no such process any more.
        }
        return names;
    }

    /** The words of its command line. */
    List<String> command() {
        return command(pid);
    }

    private static List<String> command(long pid) {
        return List.of(text(PROC.resolve(pid + "/cmdline")).split("\0"));
    }

    /**
     * The words that its JVM takes options from: its command line, then {@code JDK_JAVA_OPTIONS}, {@code JAVA_TOOL_OPTIONS} and
     * {@code _JAVA_OPTIONS}. Not what stands in a file that one of these names.
     */
    List<String> options() {
        List<String> options = new ArrayList<>(command());
        for (String variable : environment()) {
            for (String name : OPTION_VARIABLES) {
                if (variable.startsWith(name + "=")) {
                    options.addAll(words(variable.substring(name.length() + 1)));
                }
            }
        }
        return options;
    }

    /** Splits such a variable as the JVM and its launcher do: at white space, which quotes of either kind keep together. */
    static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean within = false;
        char quote = 0;
        for (char c : text.toCharArray()) {
            if (quote == 0 && Character.isWhitespace(c)) {
                if (within) {
                    words.add(word.toString());
                    word.setLength(0);
                }
                within = false;
            } else if (c == quote) {
                quote = 0;
            } else {
                within = true;
                if (quote == 0 && (c == '"' || c == '\'')) {
                    quote = c;
                } else {
                    word.append(c);
                }
            }
        }
        if (within) {
            words.add(word.toString());
        }
        return words;
    }

    /** What its environment was when it began, {@code NAME=value} each; empty when it may not be read. */
    List<String> environment() {
        return List.of(text(PROC.resolve(pid + "/environ")).split("\0"));
    }

    /** A field of {@code /proc/PID/status}, such as {@code Seccomp}; empty when there is none. */
    String status(String name) {
        return field(text(PROC.resolve(pid + "/status")), name);
    }

    /** Whether it was stopped by a signal or a debugger, so that it does nothing until it is let run on; proc(5), the state T or t. */
    boolean isStopped() {
        String state = status("State");
        return state.startsWith("T") || state.startsWith("t");
    }

    /** How many files it may open, as prlimit(1) takes it, {@code soft:hard}; empty when it cannot be read. */
    String fileLimits() {
        for (String line : text(PROC.resolve(pid + "/limits")).split("\n")) {
            if (line.startsWith("Max open files")) {
                String[] parts =
                        line.substring("Max open files".length()).strip().split("\\s+");
                return parts.length < 2 ? "" : parts[0] + ":" + parts[1];
            }
        }
        return "";
    }

    /** Whether it sees other files than this process, as one in a container does. */
    boolean isElsewhere() {
        try {
            return !Files.readSymbolicLink(PROC.resolve(pid + "/ns/mnt"))
                    .equals(Files.readSymbolicLink(PROC.resolve("self/ns/mnt")));
        } catch (IOException unreadable) {
            return false;
        }
    }

    /** This process's own effective user. */
    static long ownUid() {
        String[] uids = field(text(PROC.resolve("self/status")), "Uid").split("\\s+");
        return uids.length > 1 ? Long.parseLong(uids[1]) : -1;
    }

    /** The main class or jar of a command line of the java launcher. */
    static String main(List<String> command) {
        for (int i = 1; i < command.size(); i++) {
            String word = command.get(i);
            if (word.equals("-jar") && i + 1 < command.size()) {
                return command.get(i + 1).substring(command.get(i + 1).lastIndexOf('/') + 1);
            }
            if ((word.equals("-m") || word.equals("--module")) && i + 1 < command.size()) {
                return command.get(i + 1);
            }
            if (WITH_VALUE.contains(word)) {
                i++;
            } else if (!word.startsWith("-") && !word.startsWith("@")) {
                return word.substring(word.lastIndexOf('/') + 1);
            }
        }
        // An argument file, or a program that started a JVM inside itself.
        return String.join(" ", command.subList(0, Math.min(2, command.size())));
    }

    private static String field(String status, String name) {
        for (String line : status.split("\n")) {
            if (line.startsWith(name + ":")) {
                return line.substring(name.length() + 1).strip();
            }
        }
        return "";
    }

    private static String text(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException | RuntimeException unreadable) {
            return "";
        }
    }
}
