package dev.pitot.web;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How to start a program that the kernel treats as it treats another process, as far as perf_event_open(2) looks: user, the two
 * capabilities, limit of open files. Done with setpriv(1) and prlimit(1) of util-linux, by root only.
 */
final class SameConditions {
    private static final int CAP_SYS_ADMIN = 21;
    private static final int CAP_PERFMON = 38;

    private SameConditions() {}

    /** Words to put before a command, or null when it cannot be done; a process under seccomp is never imitated. */
    static @Nullable List<String> of(JavaProcess target) {
        if (!target.status("Seccomp").equals("0") || target.isElsewhere() || !hasSameUsers(target)) {
            return null;
        }
        JavaProcess self = JavaProcess.of(ProcessHandle.current().pid());
        List<String> words = new ArrayList<>();
        String files = target.fileLimits();
        if (!files.isEmpty() && !files.equals(self.fileLimits())) {
            if (!isThere("prlimit")) {
                return null;
            }
            words.addAll(List.of("prlimit", "--nofile=" + files));
        }
        if (isLike(self, target)) {
            return words;
        }
        if (JavaProcess.ownUid() != 0 || !isThere("setpriv")) {
            return null;
        }
        String gid = target.status("Gid").split("\\s+")[1];
        words.addAll(List.of("setpriv", "--reuid=" + target.uid(), "--regid=" + gid, "--clear-groups"));
        words.add("--bounding-set=-all" + capabilities(target.status("CapBnd")));
        if (target.uid() != 0) {
            String held = capabilities(target.status("CapEff"));
            words.addAll(List.of("--inh-caps=-all" + held, "--ambient-caps=-all" + held));
        } else {
            words.add("--inh-caps=-all");
        }
        if (target.status("NoNewPrivs").equals("1")) {
            words.add("--no-new-privs");
        }
        return words;
    }

    /** Then nothing needs to be changed. */
    private static boolean isLike(JavaProcess self, JavaProcess target) {
        return self.uid() == target.uid()
                && capabilities(self.status("CapEff")).equals(capabilities(target.status("CapEff")));
    }

    private static boolean hasSameUsers(JavaProcess target) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/" + target.pid() + "/ns/user"))
                    .equals(Files.readSymbolicLink(Path.of("/proc/self/ns/user")));
        } catch (IOException unreadable) {
            return false;
        }
    }

    private static String capabilities(String bits) {
        long set = bits.isEmpty() ? 0 : Long.parseUnsignedLong(bits, 16);
        return ((set >>> CAP_PERFMON & 1) == 1 ? ",+perfmon" : "")
                + ((set >>> CAP_SYS_ADMIN & 1) == 1 ? ",+sys_admin" : "");
    }

    private static boolean isThere(String tool) {
        for (String folder :
                System.getenv().getOrDefault("PATH", "/usr/bin:/bin").split(":")) {
            if (folder.startsWith("/") && Files.isExecutable(Path.of(folder, tool))) {
                return true;
            }
        }
        return false;
    }
}
