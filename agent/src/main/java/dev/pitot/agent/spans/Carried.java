package dev.pitot.agent.spans;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What is remembered of objects of the application, by identity and for as long as they live, without touching them. Values must not
 * refer to the application. Bounded: beyond {@link #MOST} nothing new is remembered until something is forgotten. Thread-safe.
 */
final class Carried<V> {
    private static final int MOST = 100_000;

    /** A key in the map, and, with no queue, one to look for. */
    private static final class Key extends WeakReference<Object> {
        private final int hash;

        Key(Object object, @Nullable ReferenceQueue<Object> queue) {
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

    private final ConcurrentHashMap<Key, V> map = new ConcurrentHashMap<>();
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
        return size.get() == 0 ? null : map.get(new Key(key, null));
    }

    @Nullable
    V remove(Object key) {
        if (size.get() == 0) {
            return null;
        }
        V value = map.remove(new Key(key, null));
        if (value != null) {
            size.decrementAndGet();
        }
        return value;
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
