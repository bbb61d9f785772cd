package dev.pitot.agent.samplers.host;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The devices that a file lists, one a line, found again by name in each reading. New ones have no past, so their first
 * difference is not all since the machine's start; those that went are forgotten. Bounded. Not thread-safe.
 */
final class Devices {
    /** Lines looked at, those of unwanted devices included. */
    private static final int LIMIT = 256;

    /** One line of the file. */
    static final class Device {
        final String name;
        final Differences totals;
        final boolean wanted;
        private final byte[] word;
        private int round;

        private Device(byte[] word, String name, boolean wanted, int totals) {
            this.word = word;
            this.name = name;
            this.wanted = wanted;
            this.totals = new Differences(totals);
        }
    }

    /** Which devices count; asked once for each. */
    interface Choice {
        boolean wants(String name);
    }

    private final Choice choice;
    private final int totals;
    private Device[] known = new Device[16];
    private int count;
    private int next;
    private int round;

    Devices(Choice choice, int totals) {
        this.choice = choice;
        this.totals = totals;
    }

    /** Begins a reading. */
    void begin() {
        round++;
        next = 0;
    }

    /** The device whose name is at the cursor; null when it is not wanted or one too many. */
    @Nullable
    Device at(Text text) {
        // The kernel lists them in the same order each time, so that the first look nearly always finds it.
        for (int i = 0; i < count; i++) {
            int index = next + i < count ? next + i : next + i - count;
            Device device = known[index];
            if (text.wordIs(device.word)) {
                next = index + 1 < count ? index + 1 : 0;
                device.round = round;
                return device.wanted ? device : null;
            }
        }
        if (count == LIMIT) {
            return null;
        }
        if (count == known.length) {
            known = Arrays.copyOf(known, 2 * count);
        }
        byte[] word = text.word();
        String name = new String(word, StandardCharsets.UTF_8);
        Device device = new Device(word, name, choice.wants(name), totals);
        device.round = round;
        known[count++] = device;
        return device.wanted ? device : null;
    }

    /** Ends a reading: forgets the devices that were not in it. */
    void end() {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (known[i].round == round) {
                known[kept++] = known[i];
            }
        }
        Arrays.fill(known, kept, count, null);
        count = kept;
    }
}
