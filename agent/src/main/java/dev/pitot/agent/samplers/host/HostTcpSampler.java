package dev.pitot.agent.samplers.host;

import dev.pitot.events.HostTcp;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * {@code pitot.HostTcp}: /proc/net/snmp, netstat, sockstat and sockstat6 each second, and what {@link TcpStates} counts; see
 * proc_pid_net(5) and the kernel's networking/snmp_counter.
 */
final class HostTcpSampler implements HostMetric {
    /** More sockets than these are not listed: the kernel writes 150 bytes for each. */
    private static final long MOST_LISTED = 20_000;

    private static final byte[] TCP = ascii("Tcp:");
    private static final byte[] TCP_EXT = ascii("TcpExt:");
    private static final byte[] SOCKETS = ascii("TCP: inuse ");
    private static final byte[] SOCKETS_6 = ascii("TCP6: inuse ");

    private static final int ACTIVE_OPENS = 0;
    private static final int PASSIVE_OPENS = 1;
    private static final int FAILED_ATTEMPTS = 2;
    private static final int RESETS_RECEIVED = 3;
    private static final int RESETS_SENT = 4;
    private static final int SEGMENTS_RECEIVED = 5;
    private static final int SEGMENTS_SENT = 6;
    private static final int RETRANSMITS = 7;
    private static final int ESTABLISHED = 8;
    private static final int LISTEN_OVERFLOWS = 8;
    private static final int LISTEN_DROPS = 9;

    private final Keys snmp = new Keys(
            "ActiveOpens",
            "PassiveOpens",
            "AttemptFails",
            "EstabResets",
            "OutRsts",
            "InSegs",
            "OutSegs",
            "RetransSegs",
            "CurrEstab");
    private final Keys netstat = new Keys("ListenOverflows", "ListenDrops");
    private final Differences totals = new Differences(10);
    private final ProcFile snmpFile;
    private final ProcFile netstatFile;
    private final ProcFile sockstat;
    private final ProcFile sockstat6;
    private final TcpStates states;
    private final long pageSize;
    private final Text text;
    private long sockets6;

    HostTcpSampler(HostRoots roots, Text text) {
        snmpFile = new ProcFile(roots.proc() + "/net/snmp");
        netstatFile = new ProcFile(roots.proc() + "/net/netstat");
        sockstat = new ProcFile(roots.proc() + "/net/sockstat");
        sockstat6 = new ProcFile(roots.proc() + "/net/sockstat6");
        states = new TcpStates(roots, text);
        pageSize = pageSize(roots);
        this.text = text;
    }

    @Override
    public String name() {
        return "TCP";
    }

    @Override
    public boolean sample() {
        boolean there = snmp.readTable(snmpFile, text, TCP);
        there |= netstat.readTable(netstatFile, text, TCP_EXT);
        boolean follows = totals.begin(System.nanoTime());
        HostTcp event = new HostTcp();
        event.interval = totals.interval();
        event.activeOpens = totals.count(ACTIVE_OPENS, snmp.get(ACTIVE_OPENS));
        event.passiveOpens = totals.count(PASSIVE_OPENS, snmp.get(PASSIVE_OPENS));
        event.failedAttempts = totals.count(FAILED_ATTEMPTS, snmp.get(FAILED_ATTEMPTS));
        event.resetsReceived = totals.count(RESETS_RECEIVED, snmp.get(RESETS_RECEIVED));
        event.resetsSent = totals.count(RESETS_SENT, snmp.get(RESETS_SENT));
        event.segmentsReceived = totals.count(SEGMENTS_RECEIVED, snmp.get(SEGMENTS_RECEIVED));
        event.segmentsSent = totals.count(SEGMENTS_SENT, snmp.get(SEGMENTS_SENT));
        event.retransmits = totals.count(RETRANSMITS, snmp.get(RETRANSMITS));
        event.listenOverflows = totals.count(LISTEN_OVERFLOWS, netstat.get(0));
        event.listenDrops = totals.count(LISTEN_DROPS, netstat.get(1));
        event.established = Differences.number(snmp.get(ESTABLISHED));
        long sockets = readSockets(event);
        if (follows && there) {
            states.sample(sockets <= MOST_LISTED, sockets6 > 0);
            states.fill(event);
            event.commit();
        }
        return there;
    }

    /** The line "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 124", and how many sockets there are of both families. */
    private long readSockets(HostTcp event) {
        long sockets = 0;
        sockets6 = 0;
        if (sockstat.read(text) && find(SOCKETS)) {
            sockets = Math.max(0, text.number());
            text.skipWord();
            event.orphaned = Differences.number(text.number());
            text.skipWord();
            long timeWait = text.number();
            event.timeWait = Differences.number(timeWait);
            sockets += Math.max(0, timeWait);
            text.skipWord();
            text.number();
            text.skipWord();
            long pages = text.number();
            if (pages != Long.MIN_VALUE && pageSize > 0) {
                event.memory = pages * pageSize;
            }
        }
        if (sockstat6.read(text) && find(SOCKETS_6)) {
            sockets6 = Math.max(0, text.number());
        }
        return sockets + sockets6;
    }

    private boolean find(byte[] start) {
        while (!text.skip(start)) {
            if (!text.nextLine()) {
                return false;
            }
        }
        return true;
    }

    /** AT_PAGESZ of the auxiliary vector, see getauxval(3); 0 when it cannot be read. */
    private static long pageSize(HostRoots roots) {
        byte[] vector = new byte[1024];
        try (RandomAccessFile file = new RandomAccessFile(roots.proc() + "/self/auxv", "r")) {
            int length = file.read(vector);
            ByteBuffer entries = ByteBuffer.wrap(vector).order(ByteOrder.nativeOrder());
            for (int at = 0; at + 16 <= length; at += 16) {
                if (entries.getLong(at) == 6) {
                    return entries.getLong(at + 8);
                }
            }
        } catch (IOException unreadable) {
            // Then the memory of the sockets is N/A.
        }
        return 0;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
