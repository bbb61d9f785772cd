package dev.pitot.agent.spans;

import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

/**
 * For how long the JVM has stopped all threads so far, for garbage collections and every other safepoint: HotSpot's counters
 * {@code sun.rt.safepointSyncTime}, from when it asks them to stop until the last one has, and {@code sun.rt.safepointTime}, from then
 * on. A thread that stops early stands still in both, and the first is long where threads that are to stop wait for a CPU. Read where
 * the JVM itself keeps them, which costs some nanoseconds. Any thread.
 */
final class Pauses {
    private static final String PACKAGE = "jdk.internal.perf";
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private static final Pauses UNKNOWN = new Pauses(ByteBuffer.allocateDirect(8), 0, 0, 0);

    private final ByteBuffer memory;
    private final int stopping;
    private final int stopped;
    private final double nanosPerTick;

    private Pauses(ByteBuffer memory, int stopping, int stopped, double nanosPerTick) {
        this.memory = memory;
        this.stopping = stopping;
        this.stopped = stopped;
        this.nanosPerTick = nanosPerTick;
    }

    /** Nanoseconds; always 0 where the JVM keeps no such counter ({@code -XX:-UsePerfData}). */
    long total() {
        return (long) (((long) LONG.get(memory, stopping) + (long) LONG.get(memory, stopped)) * nanosPerTick);
    }

    static Pauses unknown() {
        return UNKNOWN;
    }

    /** Never throws: a JVM without the counter has pauses that are not known. */
    static Pauses open(Instrumentation instrumentation) {
        try {
            instrumentation.redefineModule(
                    Object.class.getModule(),
                    Set.of(),
                    Map.of(PACKAGE, Set.of(Pauses.class.getModule())),
                    Map.of(),
                    Set.of(),
                    Map.of());
            Class<?> type = Class.forName(PACKAGE + ".Perf");
            Object perf = type.getMethod("getPerf").invoke(null);
            return of(attach(type, perf));
        } catch (ReflectiveOperationException | RuntimeException | LinkageError refused) {
            return UNKNOWN;
        }
    }

    /** @param all of the JVM's counters, as it keeps them */
    static Pauses of(ByteBuffer all) {
        all.order(ByteOrder.nativeOrder());
        int stopping = find(all, "sun.rt.safepointSyncTime");
        int stopped = find(all, "sun.rt.safepointTime");
        int frequency = find(all, "sun.os.hrt.frequency");
        return stopping < 0 || stopped < 0 || frequency < 0
                ? UNKNOWN
                : new Pauses(all, stopping, stopped, 1e9 / (long) LONG.get(all, frequency));
    }

    /** To this JVM itself, whose number is 0; the method lost its mode in 24. */
    private static ByteBuffer attach(Class<?> type, Object perf) throws ReflectiveOperationException {
        try {
            return (ByteBuffer) type.getMethod("attach", int.class).invoke(perf, 0);
        } catch (NoSuchMethodException older) {
            return (ByteBuffer)
                    type.getMethod("attach", int.class, String.class).invoke(perf, 0, "r");
        }
    }

    /** Place of the value of a counter; the layout is that of HotSpot's perfMemory.hpp, version 2. */
    private static int find(ByteBuffer all, String name) {
        byte[] wanted = name.getBytes(StandardCharsets.US_ASCII);
        int entry = all.getInt(24);
        for (int left = all.getInt(28); left > 0; left--) {
            int text = entry + all.getInt(entry + 4);
            boolean same = all.get(text + wanted.length) == 0;
            for (int i = 0; same && i < wanted.length; i++) {
                same = all.get(text + i) == wanted[i];
            }
            if (same) {
                return entry + all.getInt(entry + 16);
            }
            entry += all.getInt(entry);
        }
        return -1;
    }
}
