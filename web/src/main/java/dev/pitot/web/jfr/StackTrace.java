package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A stack trace.
 *
 * @param truncated true when the stack was deeper than the JVM's {@code stackdepth}
 * @param frames innermost first
 */
public record StackTrace(boolean truncated, List<Frame> frames) {

    /**
     * One frame; what could not be resolved is null.
     *
     * @param className with dots, {@code java.util.HashMap} say
     * @param descriptor of the method, {@code (I)V} say
     * @param line 1-based, 0 or less when unknown
     * @param bytecodeIndex in the method
     * @param type {@code Interpreted}, {@code JIT compiled}, {@code Inlined} or {@code Native}
     */
    public record Frame(
            @Nullable String className,
            @Nullable String method,
            @Nullable String descriptor,
            int line,
            int bytecodeIndex,
            @Nullable String type) {}

    static StackTrace of(Struct trace) {
        List<Frame> frames = new ArrayList<>();
        if (trace.get("frames") instanceof List<?> list) {
            for (Object element : list) {
                if (element instanceof Struct frame) {
                    Struct method = frame.get("method") instanceof Struct m ? m : null;
                    frames.add(new Frame(
                            method != null && method.get("type") instanceof Struct c ? className(c) : null,
                            method == null ? null : method.getString("name"),
                            method == null ? null : method.getString("descriptor"),
                            (int) frame.getLong("lineNumber", -1),
                            (int) frame.getLong("bytecodeIndex", -1),
                            frame.getString("type")));
                }
            }
        }
        return new StackTrace(!(trace.get("truncated") instanceof Boolean b) || b, List.copyOf(frames));
    }

    static @Nullable String className(Struct type) {
        String name = type.getString("name");
        return name == null ? null : name.replace('/', '.');
    }
}
