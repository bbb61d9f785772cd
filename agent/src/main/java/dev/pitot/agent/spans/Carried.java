package dev.pitot.agent.spans;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What is remembered of objects of the application, by identity and for as long as they live, without touching them. Values must not
 * refer to the application. Bounded: beyond {@link #MOST} nothing new is remembered until something is forgotten. Thread-safe.
 */
final class Carried<V> {
    private static final int MOST = 100_000;

    /** A key to look for: no reference that the collector would have to look at. */
    private static final class Probe {
        private final Object object;

        Probe(Object object) {
            this.object = object;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(object);
        }

        /** The map asks the key that is looked for, not the one that it holds. */
        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && key.get() == object;
        }
    }

    /** A key in the map. */
    private static final class Key extends WeakReference<Object> {
        private final int hash;

        Key(Object object, ReferenceQueue<Object> queue) {
            super(object, queue);
            hash = System.identityHashCode(object);
        }

        @Override
        public int hashCode() {
            return hash;
        }

        @Override
        public boolean equals(Object other) {
            if (this == other) {
                return true;
            }
            Object mine = get();
            return mine != null && other instanceof Key key && key.get() == mine;
        }
    }

    private final ConcurrentHashMap<Object, V> map = new ConcurrentHashMap<>();
    private final ReferenceQueue<Object> dead = new ReferenceQueue<>();
    private final AtomicInteger size = new AtomicInteger();

    /** Whether it is remembered now. */
    boolean put(Object key, V value) {
        tidy();
        if (size.get() >= MOST) {
            return false;
        }
        if (map.put(new Key(key, dead), value) == null) {
            size.incrementAndGet();
        }
        return true;
    }

    @Nullable
    V get(Object key) {
        return size.get() == 0 ? null : map.get(new Probe(key));
    }

    @Nullable
    V remove(Object key) {
        if (size.get() == 0) {
            return null;
        }
        V value = map.remove(new Probe(key));
        if (value != null) {
            size.decrementAndGet();
        }
        return value;
    }

    /** Puts a value in place of another, or of none; false when it is no longer that one, or nothing new is remembered. */
    boolean replace(Object key, @Nullable V known, V value) {
        if (known != null) {
            return map.replace(new Probe(key), known, value);
        }
        tidy();
        if (size.get() >= MOST || map.putIfAbsent(new Key(key, dead), value) != null) {
            return false;
        }
        size.incrementAndGet();
        return true;
    }

    /** Forgets a key if it has this value still. */
    boolean remove(Object key, V known) {
        if (!map.remove(new Probe(key), known)) {
            return false;
        }
        size.decrementAndGet();
        return true;
    }

    /** Forgets what is over, and keys that the collector has taken. */
    void removeIf(Predicate<V> over) {
        tidy();
        for (Map.Entry<Object, V> each : map.entrySet()) {
            if (over.test(each.getValue()) && map.remove(each.getKey(), each.getValue())) {
                size.decrementAndGet();
            }
        }
    }

    /** About. */
    int size() {
        return size.get();
    }

    private void tidy() {
        for (Reference<?> gone = dead.poll(); gone != null; gone = dead.poll()) {
            if (map.remove(gone) != null) {
                size.decrementAndGet();
            }
        }
    }

    void clear() {
        map.clear();
        size.set(0);
    }
}
