package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Frequency;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.Timespan;
import jdk.jfr.Timestamp;
import jdk.jfr.Unsigned;

/** Program of a child JVM: a little of everything that makes events, until its standard input ends. */
public final class Workload {

    @Name("test.Everything")
    @Label("Everything")
    @Description("One field of each type")
    @Category({"Test", "Fields"})
    static class Everything extends Event {
        boolean aBoolean;
        byte aByte;
        char aChar;
        short aShort;
        int anInt;
        long aLong;
        float aFloat;
        double aDouble;
        String aString;
        Class<?> aClass;
        Thread aThread;

        @Label("Nothing")
        String nothing;

        String empty = "";

        @Unsigned
        byte unsignedByte;

        @Unsigned
        short unsignedShort;

        @Unsigned
        int unsignedInt;

        @Timespan(Timespan.TICKS)
        long ticks;

        @Timespan(Timespan.MILLISECONDS)
        long millis;

        @Timespan(Timespan.SECONDS)
        long seconds;

        @Timespan
        long nanos;

        @Timestamp(Timestamp.MILLISECONDS_SINCE_EPOCH)
        long at;

        @Timestamp(Timestamp.TICKS)
        long atTicks;

        @DataAmount
        long bytes;

        @DataAmount(DataAmount.BITS)
        long bits;

        @Percentage
        float percent;

        @Frequency
        long frequency;
    }

    @Name("test.Late")
    @Label("Late")
    static class Late extends Event {
        String text;
        int number;
    }

    private static final String[] TEXTS = {
        null,
        "",
        "ascii",
        "a string long enough for the string pool of the JVM",
        "Grüße über Flüsse",
        "日本語のテキスト",
        "日本語のテキスト、文字列プールに入るほど長いもの",
        "emoji \uD83D\uDE80 and a lone surrogate \uD800",
        "Größe einer Zeichenkette, die in den Pool gehört",
        "tab\tand\u0000null",
    };

    private static final Object LOCK = new Object();
    private static volatile Object sink;

    private Workload() {}

    /** Runs until standard input ends. */
    public static void main(String[] args) throws Exception {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        ThreadGroup group = new ThreadGroup("outer group");
        for (int i = 0; i < 2; i++) {
            start(new ThreadGroup(group, "inner group " + i), "worker-ü-" + i, failure);
        }
        Thread waiter = new Thread(
                () -> {
                    long from = System.nanoTime();
                    for (int i = 0; System.nanoTime() - from < 120_000_000_000L; i++) {
                        Everything e = new Everything();
                        e.begin();
                        fill(e, i);
                        e.commit();
                        churn(i);
                        if (System.nanoTime() - from > 1_500_000_000L) {
                            Late late = new Late();
                            late.text = TEXTS[i % TEXTS.length] + " late";
                            late.number = i;
                            late.commit();
                        }
                        pause();
                    }
                },
                "main loop");
        waiter.setDaemon(true);
        waiter.start();
        System.out.println("ready");
        while (System.in.read() >= 0) {
            // until the parent closes it or dies
        }
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException(thrown);
        }
    }

    private static void start(ThreadGroup group, String name, AtomicReference<Throwable> failure) {
        Thread thread = new Thread(
                group,
                () -> {
                    try {
                        for (int i = 0; ; i++) {
                            synchronized (LOCK) {
                                pause();
                            }
                            Object unnotified = new Object();
                            synchronized (unnotified) {
                                // longer than the threshold of jdk.JavaMonitorWait
                                unnotified.wait(30);
                            }
                            Thread brief = new Thread(group, Workload::pause, "brief-" + i);
                            brief.start();
                            brief.join();
                        }
                    } catch (InterruptedException e) {
                        failure.set(e);
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void fill(Everything e, int i) {
        int sign = (i & 1) == 0 ? 1 : -1;
        e.aBoolean = i % 3 == 0;
        e.aByte = (byte) (i * sign);
        e.aChar = (char) (i * 977);
        e.aShort = (short) (i * 131 * sign);
        e.anInt = i % 7 == 0 ? Integer.MIN_VALUE : i * 1_000_003 * sign;
        e.aLong = i % 7 == 0 ? Long.MIN_VALUE : (1L << (i % 63)) * sign;
        e.aFloat = i % 5 == 0 ? Float.NaN : i / 3f * sign;
        e.aDouble = i % 5 == 0 ? Double.NEGATIVE_INFINITY : i / 3d * sign;
        e.aString = TEXTS[i % TEXTS.length];
        e.aClass = List.of(String.class, int[].class, Workload.class, Object[][].class, int.class)
                .get(i % 5);
        e.aThread = i % 4 == 0 ? null : Thread.currentThread();
        e.unsignedByte = (byte) -i;
        e.unsignedShort = (short) -i;
        e.unsignedInt = -i;
        e.ticks = i * 1000L * sign;
        e.millis = i % 11 == 0 ? Long.MAX_VALUE : i * sign;
        e.seconds = i % 11 == 0 ? Long.MIN_VALUE : i;
        e.nanos = i * 1_000_000_007L;
        e.at = 1_700_000_000_000L + i;
        e.atTicks = i;
        e.bytes = i * 4096L;
        e.bits = i;
        e.percent = i / 1000f;
        e.frequency = i;
    }

    private static void churn(int i) {
        List<byte[]> garbage = new ArrayList<>();
        for (int j = 0; j < 50; j++) {
            garbage.add(new byte[8192]);
        }
        sink = garbage;
        try {
            throw new IllegalArgumentException("exception " + TEXTS[i % TEXTS.length]);
        } catch (IllegalArgumentException expected) {
            sink = expected;
        }
        synchronized (LOCK) {
            sink = LOCK;
        }
    }

    private static void pause() {
        LockSupport.parkNanos(2_000_000);
    }
}
