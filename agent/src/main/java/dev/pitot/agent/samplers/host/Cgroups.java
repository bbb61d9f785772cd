package dev.pitot.agent.samplers.host;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which control groups this process is in, of version 1, 2 or both side by side; see cgroups(7) and cgroup_namespaces(7). Not
 * thread-safe.
 */
final class Cgroups {
    private static final int DEEPEST = 32;

    /**
     * The group that accounts for one resource of this process.
     *
     * @param version 1 or 2
     * @param folders its own first, then those above it as far as they can be seen
     */
    record Group(int version, List<String> folders) {
        String own() {
            return folders.get(0);
        }

        /** The file of this name in each folder. */
        ProcFile[] files(String name) {
            return files(name, ProcFile.REST);
        }

        /** The same of a limit, read rarely: one that is set for the first time counts from the next reading on. */
        ProcFile[] limits(String name) {
            return files(name, 0);
        }

        private ProcFile[] files(String name, long rest) {
            ProcFile[] files = new ProcFile[folders.size()];
            for (int i = 0; i < files.length; i++) {
                files[i] = new ProcFile(folders.get(i) + "/" + name, rest);
            }
            return files;
        }

        ProcFile ownFile(String name) {
            return new ProcFile(own() + "/" + name);
        }
    }

    private final String root;
    private final ProcFile membership;
    private final Text text;
    private byte[] known = {};
    private String[] lines = {};

    Cgroups(HostRoots roots, Text text) {
        root = roots.cgroup();
        membership = new ProcFile(roots.proc() + "/self/cgroup");
        this.text = text;
    }

    /** Looks where the process is now; true when that is elsewhere than at the last look, and at the first one. */
    boolean moved() {
        if (!membership.read(text)) {
            text.clear();
        }
        if (text.equalTo(known)) {
            return false;
        }
        known = text.copy();
        lines = new String(known, StandardCharsets.UTF_8).split("\n");
        return true;
    }

    /**
     * The group of one controller.
     *
     * @param file1 of version 1, in every group that accounts for it
     * @param file2 the same of version 2
     * @return null when there is none, or it cannot be seen
     */
    @Nullable
    Group find(String controller, String file1, String file2) {
        for (String line : lines) {
            // 4:cpu,cpuacct:/docker/0123 of version 1.
            int first = line.indexOf(':');
            int second = line.indexOf(':', first + 1);
            if (first < 0 || second <= first + 1) {
                continue;
            }
            String controllers = line.substring(first + 1, second);
            if (("," + controllers + ",").contains("," + controller + ",")) {
                String path = line.substring(second + 1);
                Group group = at(1, root + "/" + controllers, path, file1);
                return group != null ? group : at(1, root + "/" + controller, path, file1);
            }
        }
        return findUnified(file2);
    }

    /** The group of version 2 that has this file, mounted alone or beside those of version 1; null when there is none. */
    @Nullable
    Group findUnified(String file) {
        for (String line : lines) {
            if (line.startsWith("0::")) {
                boolean alone = new File(root + "/cgroup.controllers").exists();
                return at(2, alone ? root : root + "/unified", line.substring(3), file);
            }
        }
        return null;
    }

    private static @Nullable Group at(int version, String mount, String path, String file) {
        // The process was moved out of what its cgroup namespace shows.
        if (path.startsWith("/..")) {
            return null;
        }
        String rest = path.equals("/") ? "" : path;
        // In a container with no cgroup namespace the path is the host's, and the mount shows the end of it only.
        while (!rest.isEmpty() && !new File(mount + rest).isDirectory()) {
            int next = rest.indexOf('/', 1);
            rest = next < 0 ? "" : rest.substring(next);
        }
        List<String> folders = new ArrayList<>();
        while (folders.size() < DEEPEST) {
            String folder = mount + rest;
            // Where version 2 has not enabled the controller for a group, the next one above accounts for it.
            if (!folders.isEmpty() || new File(folder, file).exists()) {
                folders.add(folder);
            }
            if (rest.isEmpty()) {
                break;
            }
            rest = rest.substring(0, rest.lastIndexOf('/'));
        }
        return folders.isEmpty() ? null : new Group(version, folders);
    }
}
