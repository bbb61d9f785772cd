package dev.pitot.agent.spans;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.counters.RunQueue;
import dev.pitot.agent.counters.ThreadCounters;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Finds what is kept of the calling thread. Thread-safe. */
final class SpanThreads {
    private static final int VERSION = Runtime.version().feature();
    private static final @Nullable MethodHandle IS_VIRTUAL =
            method(21, "isVirtual", boolean.class); // A preview before.
    private static final @Nullable MethodHandle THREAD_ID = method(19, "threadId", long.class);

    private final ThreadLocal<@Nullable SpanThread> byLocal = new ThreadLocal<>();
    /**
     * The same again, platform threads only: some pools erase thread-locals between tasks (the common one of ForkJoinPool does),
     * and a thread must not open its counters anew for each request.
     */
    private final ConcurrentHashMap<Key, SpanThread> byThread = new ConcurrentHashMap<>();

    private volatile boolean forgotten;
    private volatile boolean monitoring;
    private final @Nullable ThreadCounters counters;
    private final RunQueue.@Nullable All runQueues;
    private final Pauses pauses;
    private final Shedding shedding;
    private final boolean waits;
    /** Null before 21. */
    private final @Nullable Mounts known = VERSION < 21 ? null : new Mounts();

    private final @Nullable ThreadMXBean bean;

    /** A thread as itself, whatever its class makes of {@code equals}. */
    record Key(Object thread) {
        @Override
        public int hashCode() {
            return System.identityHashCode(thread);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && key.thread == thread;
        }

        boolean hasEnded() {
            return !((Thread) thread).isAlive();
        }
    }

    /** @param waits whether the JVM is to keep account of how long threads are blocked and wait */
    SpanThreads(
            @Nullable ThreadCounters counters,
            RunQueue.@Nullable All runQueues,
            Pauses pauses,
            Shedding shedding,
            boolean waits) {
        this.counters = counters;
        this.runQueues = runQueues;
        this.pauses = pauses;
        this.shedding = shedding;
        this.bean = threadBean();
        this.waits = waits;
    }

    /** Has the JVM keep account of how long threads are blocked and wait: two readings of a clock for each wait, and nothing else. */
    void watchWaits() {
        if (waits
                && bean != null
                && bean.isThreadContentionMonitoringSupported()
                && !bean.isThreadContentionMonitoringEnabled()) {
            bean.setThreadContentionMonitoringEnabled(true);
            monitoring = true;
        }
    }

    /** From 21 on. */
    Mounts mounts() {
        if (known == null) {
            throw new IllegalStateException("there are no virtual threads");
        }
        return known;
    }

    /** Places of counters. */
    int places() {
        return counters == null ? ThreadCounters.PLACES : counters.places();
    }

    private static @Nullable ThreadMXBean threadBean() {
        return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean found
                        && found.isCurrentThreadCpuTimeSupported()
                        && found.isThreadCpuTimeEnabled()
                        && found.isThreadAllocatedMemorySupported()
                        && found.isThreadAllocatedMemoryEnabled()
                ? found
                : null;
    }

    private static @Nullable MethodHandle method(int since, String name, Class<?> result) {
        if (VERSION < since) {
            // To look for it would leave a NoSuchMethodError among the events of the application's recording.
            return null;
        }
        try {
            return MethodHandles.publicLookup().findVirtual(Thread.class, name, MethodType.methodType(result));
        } catch (ReflectiveOperationException impossible) {
            return null;
        }
    }

    /** By which the JVM knows this thread; 0 where a subclass may say something else. */
    private static long threadId(Thread thread) {
        try {
            if (THREAD_ID != null) {
                return (long) THREAD_ID.invokeExact(thread);
            }
            boolean own = thread.getClass() == Thread.class
                    || thread.getClass().getMethod("getId").getDeclaringClass() == Thread.class;
            return own ? thread.getId() : 0;
        } catch (Throwable unknown) {
            return 0;
        }
    }

    /**
     * What is kept of this thread, if anything is; of a virtual one only while a span is open on it. Opens nothing, and may be called wherever the
     * JDK waits.
     */
    @Nullable
    SpanThread peek() {
        Thread thread = Thread.currentThread();
        if (isVirtual(thread)) {
            VirtualMeter open = mounts().openOn(thread); // A thread-local would have an entry by being asked for.
            return open == null ? null : open.owner();
        }
        return byLocal.get();
    }

    private static boolean isVirtual(Thread thread) {
        try {
            return IS_VIRTUAL != null && (boolean) IS_VIRTUAL.invokeExact(thread);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    SpanThread ofThisThread() {
        SpanThread known = byLocal.get();
        if (known != null) {
            return known;
        }
        SpanThread made = make();
        byLocal.set(made);
        return made;
    }

    private SpanThread make() {
        Thread thread = Thread.currentThread();
        if (isVirtual(thread)) {
            mounts().wanted();
            return newVirtualMeter(thread, false).ofSpans();
        }
        Key key = new Key(thread);
        SpanThread known = byThread.get(key);
        if (known != null) {
            return known;
        }
        SpanThread made = new SpanThread(newMeter(thread, false), false);
        if (!forgotten) {
            byThread.put(key, made);
        }
        return made;
    }

    private ThreadMeter newMeter(Thread thread, boolean carrier) {
        return new ThreadMeter(
                threadId(thread),
                bean,
                runQueues == null ? null : runQueues.openForThisThread(),
                counters == null ? null : counters.openForThisThread(),
                places(),
                pauses,
                shedding,
                carrier);
    }

    VirtualMeter newVirtualMeter(Thread thread, boolean trial) {
        return new VirtualMeter(thread, mounts(), places(), pauses, trial);
    }

    /** Goes once through what carriers will call, so that they have nothing to load. */
    void rehearseMounts() {
        Thread self = Thread.currentThread();
        mounted(self);
        VirtualMeter meter = newVirtualMeter(self, true);
        ThreadMeter.Mark mark = meter.newMark();
        meter.mark(mark, true);
        unmounted(self);
        mounted(self);
        meter.since(mark, new Cost(places()), new Split());
        unmounted(self);
        meter.rest();
        Carrier carrier = mounts().carrier(self);
        if (carrier != null) {
            mounts().costs(OwnCost.of(carrier.meter));
        }
    }

    /** A virtual thread is about to be mounted on the calling thread. */
    void mounted(Object thread) {
        Thread self = Thread.currentThread();
        Carrier carrier = mounts().carrier(self);
        if (carrier == null) {
            if (forgotten) {
                return;
            }
            carrier = new Carrier(newMeter(self, true));
            mounts().add(self, carrier);
        }
        VirtualMeter meter = mounts().openOn(thread);
        if (meter != null) {
            meter.mounted(carrier);
        }
    }

    /** It was unmounted, and nobody else can mount it yet. */
    void unmounted(Object thread) {
        VirtualMeter meter = mounts().openOn(thread);
        if (meter != null) {
            meter.unmounted();
        }
    }

    /** Whether mounts are not measured for now. */
    void shed(boolean given) {
        if (known != null) {
            known.shed(given);
        }
    }

    /** The requests that threads are at work for just now, some of them several times. Any thread. */
    List<Span> requests() {
        List<Span> found = new ArrayList<>();
        for (SpanThread thread : byThread.values()) {
            add(found, thread);
        }
        if (known != null) {
            for (VirtualMeter meter : known.open()) {
                add(found, meter.owner());
            }
        }
        return found;
    }

    private static void add(List<Span> found, @Nullable SpanThread thread) {
        Span span = thread == null ? null : thread.live();
        if (span != null) {
            found.add(span);
        }
    }

    /** CPU nanoseconds that measuring mounts took since the last call; the sampler's. */
    long inlineNanos(boolean counted) {
        return known == null ? 0 : known.inlineNanos(counted);
    }

    /** Holds no thread any more, and none from now on. Any thread. */
    void forget() {
        forgotten = true;
        byThread.clear();
        if (known != null) {
            known.forget();
        }
        if (monitoring && bean != null) {
            monitoring = false;
            bean.setThreadContentionMonitoringEnabled(false);
        }
    }

    /** Forgets threads that have ended. */
    void tidy() {
        byThread.keySet().removeIf(Key::hasEnded);
        if (known != null) {
            known.tidy();
        }
    }
}
