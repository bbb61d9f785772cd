package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostFileSystem;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/** {@code pitot.HostFileSystem}: statvfs(3) of what {@link LocalMounts} finds, every 10 seconds. */
final class HostFileSystemSampler implements HostMetric {
    private static final int EVERY = 10;

    /** One that is asked. */
    private record FileSystem(LocalMounts.Mount mount, File path) {}

    private final ProcFile mountinfo;
    private final CRC32 crc = new CRC32();
    private final Text text;
    private List<FileSystem> fileSystems = List.of();
    private long seen = -1;
    private boolean there;
    private int rounds;

    HostFileSystemSampler(HostRoots roots, Text text) {
        mountinfo = new ProcFile(roots.proc() + "/self/mountinfo");
        this.text = text;
    }

    @Override
    public String name() {
        return "file systems";
    }

    @Override
    public boolean sample() {
        if (rounds++ % EVERY == 0) {
            there = mountinfo.read(text);
            refresh();
            for (FileSystem fileSystem : fileSystems) {
                ask(fileSystem);
            }
        }
        return there;
    }

    /** Nothing is asked that was not in the latest list of mounts; that is gone through only when it has changed. */
    private void refresh() {
        if (!there) {
            fileSystems = List.of();
            seen = -1;
            return;
        }
        crc.reset();
        text.addTo(crc);
        if (crc.getValue() == seen) {
            return;
        }
        seen = crc.getValue();
        List<FileSystem> found = new ArrayList<>();
        for (LocalMounts.Mount mount : LocalMounts.in(text)) {
            File path = new File(mount.path());
            // Single files, /etc/hosts say, are put into containers by their runtime.
            if (path.isDirectory()) {
                found.add(new FileSystem(mount, path));
            }
        }
        fileSystems = found;
    }

    private static void ask(FileSystem fileSystem) {
        long total = fileSystem.path().getTotalSpace();
        if (total <= 0) {
            return; // Not permitted, or gone since.
        }
        long free = fileSystem.path().getFreeSpace();
        long available = fileSystem.path().getUsableSpace();
        if ((free == 0 || available == 0) && fileSystem.path().getTotalSpace() <= 0) {
            return; // Not full: a zero is also what a failure looks like.
        }
        HostFileSystem event = new HostFileSystem();
        event.mount = fileSystem.mount().path();
        event.device = fileSystem.mount().device();
        event.type = fileSystem.mount().type();
        event.total = total;
        event.used = Math.max(0, total - free);
        event.available = available;
        event.commit();
    }
}
