package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/**
 * {@link Carried} that never refuses: when it is full, what was not asked for lately gives way. For objects that live until the next
 * collection, however soon the application is done with them. Thread-safe.
 */
final class Recent<V> {
    private volatile Carried<V> young = new Carried<>();
    private volatile Carried<V> old = new Carried<>();

    @Nullable
    V get(Object key) {
        V value = young.get(key);
        if (value == null) {
            value = old.get(key);
            if (value != null) {
                put(key, value);
            }
        }
        return value;
    }

    void put(Object key, V value) {
        Carried<V> full = young;
        if (!full.put(key, value)) {
            turn(full);
            young.put(key, value);
        }
    }

    private synchronized void turn(Carried<V> full) {
        if (young == full) {
            old = full;
            young = new Carried<>();
        }
    }

    void remove(Object key) {
        young.remove(key);
        old.remove(key);
    }

    synchronized void clear() {
        young = new Carried<>();
        old = new Carried<>();
    }
}
