package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostNetwork;

/** {@code pitot.HostNetwork}: /proc/net/dev, the interfaces of this network namespace; see proc_pid_net(5). */
final class HostNetworkSampler implements HostMetric {
    private static final int LIMIT = 32;

    private static final int RECEIVED_BYTES = 0;
    private static final int RECEIVED_PACKETS = 1;
    private static final int RECEIVE_ERRORS = 2;
    private static final int RECEIVE_DROPS = 3;
    private static final int SENT_BYTES = 8;
    private static final int SENT_PACKETS = 9;
    private static final int SEND_ERRORS = 10;
    private static final int SEND_DROPS = 11;
    private static final int FIELDS = 12;

    private final long[] fields = new long[FIELDS];
    private final Devices interfaces = new Devices(name -> true, FIELDS);
    private final ProcFile dev;
    private final Text text;

    HostNetworkSampler(HostRoots roots, Text text) {
        dev = new ProcFile(roots.proc() + "/net/dev");
        this.text = text;
    }

    @Override
    public String name() {
        return "network";
    }

    @Override
    public boolean sample() {
        if (!dev.read(text)) {
            return false;
        }
        long now = System.nanoTime();
        int reported = 0;
        interfaces.begin();
        text.nextLine(); // The first two lines are headings.
        while (text.nextLine()) {
            text.skipBlanks();
            Devices.Device device = interfaces.at(text);
            if (device != null && reported < LIMIT && report(device, now)) {
                reported++;
            }
        }
        interfaces.end();
        return true;
    }

    /** False for one that never did anything, and has no event: ifb0, sit0 and their like. */
    private boolean report(Devices.Device device, long now) {
        text.skipWord();
        for (int i = 0; i < FIELDS; i++) {
            fields[i] = text.number();
        }
        Differences totals = device.totals;
        boolean follows = totals.begin(now);
        HostNetwork event = new HostNetwork();
        event.device = device.name;
        event.interval = totals.interval();
        event.receivedBytes = totals.of(RECEIVED_BYTES, fields[RECEIVED_BYTES], 1);
        event.sentBytes = totals.of(SENT_BYTES, fields[SENT_BYTES], 1);
        event.receivedPackets = totals.count(RECEIVED_PACKETS, fields[RECEIVED_PACKETS]);
        event.sentPackets = totals.count(SENT_PACKETS, fields[SENT_PACKETS]);
        event.receiveErrors = totals.count(RECEIVE_ERRORS, fields[RECEIVE_ERRORS]);
        event.sendErrors = totals.count(SEND_ERRORS, fields[SEND_ERRORS]);
        event.receiveDrops = totals.count(RECEIVE_DROPS, fields[RECEIVE_DROPS]);
        event.sendDrops = totals.count(SEND_DROPS, fields[SEND_DROPS]);
        boolean used = fields[RECEIVED_PACKETS] > 0 || fields[SENT_PACKETS] > 0;
        if (follows && used) {
            event.commit();
        }
        return used;
    }
}
