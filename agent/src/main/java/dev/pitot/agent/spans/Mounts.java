package dev.pitot.agent.spans;

import dev.pitot.agent.spans.SpanThreads.Key;
import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Which virtual threads have open spans, and what is kept of the carriers. Thread-safe. Carriers look things up without a lock and
 * add only themselves. Virtual threads add and remove only themselves: they may have to wait for the lock of a bin, but within it there is nothing
 * to wait for, so that none is ever unmounted with it.
 */
final class Mounts {
    private final ConcurrentHashMap<Key, VirtualMeter> open = new ConcurrentHashMap<>();
    /** At least as many as are in {@link #open}, which itself may say that it is empty while others come and go. */
    private final AtomicInteger openCount = new AtomicInteger();

    private final ConcurrentHashMap<Key, Carrier> carriers = new ConcurrentHashMap<>();
    private final AtomicReference<@Nullable Runnable> first = new AtomicReference<>();
    private volatile boolean trusted;
    private volatile boolean shed;
    private volatile @Nullable OwnCost ownCost;

    /** The JDK's own, found only when they are exported to this agent. */
    private static final class Jdk {
        static final @Nullable MethodHandle CARRIER = carrier();
        static final @Nullable MethodHandle PIN = ofContinuation("pin");
        static final @Nullable MethodHandle UNPIN = ofContinuation("unpin");

        private static @Nullable MethodHandle carrier() {
            try {
                Class<?> secrets = Class.forName("jdk.internal.access.SharedSecrets");
                Class<?> access = Class.forName("jdk.internal.access.JavaLangAccess");
                Object lang = secrets.getMethod("getJavaLangAccess").invoke(null);
                return MethodHandles.lookup()
                        .findVirtual(access, "currentCarrierThread", MethodType.methodType(Thread.class))
                        .bindTo(lang);
            } catch (ReflectiveOperationException | RuntimeException | LinkageError other) {
                return null;
            }
        }

        private static @Nullable MethodHandle ofContinuation(String name) {
            try {
                return MethodHandles.lookup()
                        .findStatic(
                                Class.forName("jdk.internal.vm.Continuation"), name, MethodType.methodType(void.class));
            } catch (ReflectiveOperationException | RuntimeException | LinkageError other) {
                return null;
            }
        }
    }

    /** Whether this JDK has all that is needed. */
    boolean open(Instrumentation instrumentation) {
        try {
            Set<Module> agent = Set.of(Mounts.class.getModule());
            instrumentation.redefineModule(
                    Object.class.getModule(),
                    Set.of(),
                    Map.of("jdk.internal.access", agent, "jdk.internal.vm", agent),
                    Map.of(),
                    Set.of(),
                    Map.of());
            return Jdk.CARRIER != null && Jdk.PIN != null && Jdk.UNPIN != null;
        } catch (RuntimeException | LinkageError refused) {
            return false;
        }
    }

    void onFirst(Runnable told) {
        first.set(told);
    }

    /** A span begins on a virtual thread. */
    void wanted() {
        Runnable told = first.get() == null ? null : first.getAndSet(null);
        if (told != null) {
            told.run();
        }
    }

    /** Whether what virtual threads are said to cost is right. */
    void trust(boolean right) {
        trusted = right;
    }

    /** Whether mounts are not measured for now, as there are too many of them for the budget. */
    void shed(boolean given) {
        shed = given;
    }

    boolean isShed() {
        return shed;
    }

    boolean isTrusted() {
        return trusted;
    }

    /** Keeps the calling virtual thread on its carrier; false when that cannot be. */
    boolean pin() {
        MethodHandle pin = Jdk.PIN;
        if (pin == null) {
            return false;
        }
        try {
            pin.invokeExact();
            return true;
        } catch (Throwable refused) {
            return false;
        }
    }

    void unpin() {
        MethodHandle unpin = Jdk.UNPIN;
        try {
            if (unpin != null) {
                unpin.invokeExact();
            }
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** That of the calling virtual thread, pinned; null when it was mounted before anything was told of carriers. */
    @Nullable
    Carrier here() {
        MethodHandle current = Jdk.CARRIER;
        try {
            return current == null ? null : carrier((Thread) current.invokeExact());
        } catch (Throwable impossible) {
            return null;
        }
    }

    @Nullable
    Carrier carrier(Thread thread) {
        return carriers.get(new Key(thread));
    }

    void add(Thread thread, Carrier carrier) {
        carriers.put(new Key(thread), carrier);
    }

    void add(Thread thread, VirtualMeter meter) {
        openCount.incrementAndGet();
        if (open.put(new Key(thread), meter) != null) {
            openCount.decrementAndGet();
        }
    }

    void remove(Thread thread) {
        if (open.remove(new Key(thread)) != null) {
            openCount.decrementAndGet();
        }
    }

    /** Adds nothing to the thread: whatever waits in the JDK asks for it, most often on threads without a span. */
    @Nullable
    VirtualMeter openOn(Object thread) {
        return openCount.get() == 0 ? null : open.get(new Key(thread));
    }

    /** Of those virtual threads on which spans are open. */
    Collection<VirtualMeter> open() {
        return open.values();
    }

    /** What it takes a carrier to measure a mount. */
    void costs(OwnCost found) {
        ownCost = found;
    }

    /** Takes off what measuring so many mounts added. */
    void takeOff(Cost cost, long mounts) {
        OwnCost own = ownCost;
        if (own != null) {
            own.takeOffEach(cost, mounts);
        }
    }

    /** CPU nanoseconds that measuring mounts took since the last call; the sampler's. */
    long inlineNanos(boolean counted) {
        OwnCost own = ownCost;
        if (own == null) {
            return 0;
        }
        long mounts = 0;
        long readings = 0;
        for (Carrier carrier : carriers.values()) {
            long took = carrier.took;
            mounts += took - carrier.told;
            carrier.told = took;
            long read = carrier.readings;
            readings += read - carrier.readingsTold;
            carrier.readingsTold = read;
        }
        return mounts * own.ofSpan(counted) + readings * own.ofReading();
    }

    void forget() {
        trusted = false;
        first.set(null);
        for (Key key : open.keySet()) {
            remove((Thread) key.thread());
        }
        carriers.clear();
    }

    void tidy() {
        for (Key key : open.keySet()) {
            if (key.hasEnded()) {
                remove((Thread) key.thread());
            }
        }
        carriers.keySet().removeIf(Key::hasEnded);
    }
}
