package dev.pitot.web.jfr;

import org.jspecify.annotations.Nullable;

/**
 * A thread as the recording knows it.
 *
 * @param osName name the operating system knows, or null
 * @param osThreadId id the operating system knows, -1 for a virtual thread
 * @param javaName null for a thread of the JVM itself
 * @param javaThreadId {@code Thread.threadId()}, -1 for a thread of the JVM itself
 * @param group name of the thread group, or null
 * @param virtual true for a virtual thread (JDK 19 and newer)
 */
public record ThreadInfo(
        @Nullable String osName,
        long osThreadId,
        @Nullable String javaName,
        long javaThreadId,
        @Nullable String group,
        boolean virtual) {

    static ThreadInfo of(Struct thread) {
        boolean virtual = thread.get("virtual") instanceof Boolean b && b;
        long javaId = thread.getLong("javaThreadId", 0);
        return new ThreadInfo(
                thread.getString("osName"),
                virtual ? -1 : thread.getLong("osThreadId", -1),
                thread.getString("javaName"),
                javaId == 0 ? -1 : javaId,
                thread.get("group") instanceof Struct g ? g.getString("name") : null,
                virtual);
    }
}
