package dev.pitot.agent.instrument;

import java.util.List;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.matcher.ElementMatcher;
import net.bytebuddy.matcher.ElementMatchers;

/**
 * One way in which work enters, leaves or waits in Java code. To add a library, copy the smallest file beside this one and give
 * the names of its classes to the {@link Names} of its kind.
 */
interface Library {
    /** Methods of the named classes, each with the advice that is inlined into it. */
    List<Point> points();

    /** Names of classes without which the advice could not link, or would never be needed. */
    default List<String> needs() {
        return List.of();
    }

    /** Whether a class is what its name promises; one that is not is left alone, and nobody is told. */
    default boolean isAbout(TypeDescription type) {
        return true;
    }

    /** Whether a class declares any of the methods. */
    default boolean hasPointsIn(TypeDescription type) {
        for (Point point : points()) {
            if (!type.getDeclaredMethods().filter(point.methods()).isEmpty()) {
                return true;
            }
        }
        return false;
    }

    /** Methods that run the tasks of others: the bridge is told of each call of {@code Runnable.run} in them. */
    default ElementMatcher<? super MethodDescription> loops() {
        return ElementMatchers.none();
    }

    /** Names of classes without which there is nothing to measure, so that the named classes stay as they are. */
    default List<String> wants() {
        return List.of();
    }

    /**
     * @param advice name of the class whose {@code @Advice} methods are inlined; it is read as bytes and never loaded
     * @param methods in whichever of the known classes they are declared
     */
    record Point(String advice, ElementMatcher<? super MethodDescription> methods) {}
}
