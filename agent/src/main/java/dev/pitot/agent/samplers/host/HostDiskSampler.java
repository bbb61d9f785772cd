package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostDisk;
import java.io.File;

/**
 * {@code pitot.HostDisk}: /proc/diskstats; see the kernel's admin-guide/iostats. Whole disks only, so that rows may be added
 * up: no partitions, nothing that lies on other block devices (device mapper, RAID, bcache), no loop, RAM, floppy or optical
 * devices, and none that never did anything.
 */
final class HostDiskSampler implements HostMetric {
    private static final int LIMIT = 32;
    private static final long MILLISECOND = 1_000_000;
    /** What diskstats counts in, whatever the disk's own sectors are. */
    private static final long SECTOR = 512;

    private static final int READS = 0;
    private static final int READ_SECTORS = 2;
    private static final int READ_TIME = 3;
    private static final int WRITES = 4;
    private static final int WRITTEN_SECTORS = 6;
    private static final int WRITE_TIME = 7;
    private static final int IN_FLIGHT = 8;
    private static final int BUSY_TIME = 9;
    private static final int QUEUE_TIME = 10;
    private static final int FIELDS = 11;

    private final long[] fields = new long[FIELDS];
    private final Devices disks;
    private final ProcFile diskstats;
    private final String block;
    private final Text text;

    HostDiskSampler(HostRoots roots, Text text) {
        diskstats = new ProcFile(roots.proc() + "/diskstats");
        block = roots.sys() + "/block/";
        disks = new Devices(this::isWholeDisk, FIELDS);
        this.text = text;
    }

    @Override
    public String name() {
        return "disks";
    }

    @Override
    public boolean sample() {
        if (!diskstats.read(text)) {
            return false;
        }
        long now = System.nanoTime();
        int reported = 0;
        disks.begin();
        do {
            text.skipWord(); // major
            text.skipWord(); // minor
            text.skipBlanks();
            if (text.atEnd()) {
                continue;
            }
            Devices.Device disk = disks.at(text);
            if (disk != null && reported < LIMIT && report(disk, now)) {
                reported++;
            }
        } while (text.nextLine());
        disks.end();
        return true;
    }

    /** False for one that never did anything, and has no event: sixteen of them come with the nbd driver. */
    private boolean report(Devices.Device disk, long now) {
        text.skipWord();
        for (int i = 0; i < FIELDS; i++) {
            fields[i] = text.number();
        }
        Differences totals = disk.totals;
        boolean follows = totals.begin(now);
        HostDisk event = new HostDisk();
        event.device = disk.name;
        event.interval = totals.interval();
        event.reads = totals.count(READS, fields[READS]);
        event.writes = totals.count(WRITES, fields[WRITES]);
        event.readBytes = totals.of(READ_SECTORS, fields[READ_SECTORS], SECTOR);
        event.writtenBytes = totals.of(WRITTEN_SECTORS, fields[WRITTEN_SECTORS], SECTOR);
        event.readTime = totals.of(READ_TIME, fields[READ_TIME], MILLISECOND);
        event.writeTime = totals.of(WRITE_TIME, fields[WRITE_TIME], MILLISECOND);
        event.busyTime = totals.of(BUSY_TIME, fields[BUSY_TIME], MILLISECOND);
        event.queueTime = totals.of(QUEUE_TIME, fields[QUEUE_TIME], MILLISECOND);
        event.inFlight = Differences.number(fields[IN_FLIGHT]);
        boolean used = fields[READS] > 0 || fields[WRITES] > 0;
        if (follows && used) {
            event.commit();
        }
        return used;
    }

    private boolean isWholeDisk(String name) {
        if (name.startsWith("loop")
                || name.startsWith("ram")
                || name.startsWith("zram")
                || name.startsWith("fd")
                || name.startsWith("sr")) {
            return false;
        }
        // A slash in a name, cciss/c0d0 say, is an exclamation mark there.
        File disk = new File(block + name.replace('/', '!'));
        if (!disk.isDirectory()) {
            return false;
        }
        String[] below = new File(disk, "slaves").list();
        return below == null || below.length == 0;
    }
}
