package dev.pitot.agent.samplers.host;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Which mounts of /proc/self/mountinfo can be asked how full they are and answer at once; see proc_pid_mountinfo(5). A server
 * that is gone, or a program behind FUSE that hangs, holds whoever asks for ever, so a path must neither be of such a file system nor lead
 * through one.
 */
final class LocalMounts {
    private static final int LIMIT = 32;
    /** Candidates looked at closely. */
    private static final int MOST_CANDIDATES = 256;

    private static final int DEEPEST = 64;

    /** On a disk of this machine. Read-only images, squashfs and iso9660, are always full and left out. */
    private static final Set<String> ON_DISK = Set.of(
            "ext2",
            "ext3",
            "ext4",
            "xfs",
            "btrfs",
            "zfs",
            "f2fs",
            "jfs",
            "nilfs2",
            "reiserfs",
            "bcachefs",
            "vfat",
            "exfat",
            "ntfs3",
            "hfsplus",
            "ufs");

    /** Others that a path may lead through. */
    private static final Set<String> HARMLESS = Set.of(
            "overlay",
            "aufs",
            "tmpfs",
            "ramfs",
            "rootfs",
            "proc",
            "sysfs",
            "devtmpfs",
            "devpts",
            "mqueue",
            "hugetlbfs",
            "cgroup",
            "cgroup2",
            "securityfs",
            "debugfs",
            "tracefs",
            "configfs",
            "pstore",
            "bpf",
            "efivarfs",
            "squashfs",
            "erofs",
            "iso9660",
            "nsfs",
            "binfmt_misc",
            "selinuxfs");

    private static final byte[] HYPHEN = {'-', ' '};

    /** One that may be asked. */
    record Mount(String path, String device, String type) {}

    /** One whose path is still to be looked at. */
    private static final class Candidate {
        final int line;
        final byte[] path;
        final String device;
        final Mount mount;
        final boolean wholeDevice;
        boolean hidden;

        Candidate(int line, byte[] path, String device, Mount mount, boolean wholeDevice) {
            this.line = line;
            this.path = path;
            this.device = device;
            this.mount = mount;
            this.wholeDevice = wholeDevice;
        }
    }

    private LocalMounts() {}

    /** Of a mountinfo: each device once, at the mount that shows all of it or else at the shortest path. None when it was not read whole. */
    static List<Mount> in(Text mountinfo) {
        List<Candidate> candidates = mountinfo.isWhole() ? candidates(mountinfo) : List.of();
        dropUnsafe(candidates, mountinfo);
        List<Candidate> chosen = new ArrayList<>();
        for (Candidate candidate : candidates) {
            if (candidate.hidden) {
                continue;
            }
            int same = 0;
            while (same < chosen.size() && !chosen.get(same).device.equals(candidate.device)) {
                same++;
            }
            if (same == chosen.size()) {
                chosen.add(candidate);
            } else if (isBetter(candidate, chosen.get(same))) {
                chosen.set(same, candidate);
            }
        }
        List<Mount> mounts = new ArrayList<>();
        for (Candidate candidate : chosen) {
            if (mounts.size() < LIMIT) {
                mounts.add(candidate.mount);
            }
        }
        return mounts;
    }

    private static boolean isBetter(Candidate a, Candidate b) {
        return a.wholeDevice != b.wholeDevice ? a.wholeDevice : a.path.length < b.path.length;
    }

    private static List<Candidate> candidates(Text text) {
        List<Candidate> candidates = new ArrayList<>();
        int line = 0;
        text.rewind();
        do {
            int start = text.cursor();
            moveToType(text);
            String type = text.field();
            if (ON_DISK.contains(type) || type.equals("overlay") || type.equals("tmpfs")) {
                String source = unescape(text.fieldBytes());
                text.moveTo(start);
                text.skipField(); // mount ID
                text.skipField(); // parent ID
                String device = text.field();
                boolean all = text.field().equals("/");
                byte[] path = text.fieldBytes();
                String shown = unescape(path);
                // Of overlay only the container's own root, as those of other containers are all on one disk; of tmpfs
                // what programs use.
                boolean wanted = ON_DISK.contains(type)
                        || type.equals("overlay") && shown.equals("/")
                        || type.equals("tmpfs") && (shown.equals("/tmp") || shown.equals("/dev/shm"));
                if (wanted && candidates.size() < MOST_CANDIDATES) {
                    candidates.add(new Candidate(line, path, device, new Mount(shown, source, type), all));
                }
            }
            line++;
            text.moveTo(start);
        } while (text.nextLine());
        return candidates;
    }

    /**
     * Marks those that may not answer. The mounts whose path leads to a candidate are those that it is mounted on, which must be
     * harmless, and others, which cover it: whoever asks that path asks them.
     */
    private static void dropUnsafe(List<Candidate> candidates, Text text) {
        if (candidates.isEmpty()) {
            return;
        }
        long[] ids = new long[64];
        long[] parents = new long[64];
        int count = 0;
        text.rewind();
        do {
            if (count == ids.length) {
                ids = Arrays.copyOf(ids, 2 * count);
                parents = Arrays.copyOf(parents, 2 * count);
            }
            int start = text.cursor();
            ids[count] = text.number();
            parents[count++] = text.number();
            text.moveTo(start);
        } while (text.nextLine());
        int line = 0;
        text.rewind();
        do {
            int start = text.cursor();
            for (int i = 0; i < 4; i++) {
                text.skipField();
            }
            text.skipBlanks();
            int path = text.cursor();
            for (Candidate candidate : candidates) {
                text.moveTo(path);
                if (line != candidate.line && leadsTo(text, candidate.path)) {
                    text.moveTo(start);
                    moveToType(text);
                    String type = text.field();
                    boolean harmless = ON_DISK.contains(type) || HARMLESS.contains(type);
                    candidate.hidden |= !harmless || !isBelow(candidate.line, line, ids, parents, count);
                }
            }
            line++;
            text.moveTo(start);
        } while (text.nextLine());
    }

    /** Whether the first mount is on the second, or on one that is. */
    private static boolean isBelow(int mount, int other, long[] ids, long[] parents, int count) {
        int at = mount;
        for (int depth = 0; depth < DEEPEST; depth++) {
            if (parents[at] == ids[other]) {
                return true;
            }
            int above = 0;
            while (above < count && ids[above] != parents[at]) {
                above++;
            }
            if (above == count) {
                return false;
            }
            at = above;
        }
        return false;
    }

    /** From the start of a line behind the single hyphen that ends its optional fields. */
    private static void moveToType(Text text) {
        boolean hyphen = false;
        while (!hyphen && !text.atLineEnd()) {
            hyphen = text.skip(HYPHEN);
            if (!hyphen) {
                text.skipField();
                text.skipBlanks();
            }
        }
    }

    /** Whether the path at the cursor, of a mount, is this path or that of a folder on the way to it. */
    private static boolean leadsTo(Text text, byte[] path) {
        int from = text.cursor();
        text.skipField();
        int length = text.cursor() - from;
        text.moveTo(from);
        return length == 1
                || length <= path.length
                        && (length == path.length || path[length] == '/')
                        && text.startsWith(path, length);
    }

    /** Blanks, tabs, newlines and backslashes in paths are written as a backslash and three octal digits. */
    private static String unescape(byte[] path) {
        byte[] plain = new byte[path.length];
        int length = 0;
        for (int i = 0; i < path.length; i++) {
            if (path[i] == '\\' && i + 3 < path.length) {
                plain[length++] = (byte) ((path[i + 1] - '0') * 64 + (path[i + 2] - '0') * 8 + (path[i + 3] - '0'));
                i += 3;
            } else {
                plain[length++] = path[i];
            }
        }
        return new String(plain, 0, length, StandardCharsets.UTF_8);
    }
}
