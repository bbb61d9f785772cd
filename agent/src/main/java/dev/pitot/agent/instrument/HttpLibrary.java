package dev.pitot.agent.instrument;

import java.util.List;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.matcher.ElementMatcher;

/**
 * One way in which HTTP requests enter Java code. To add a library, copy the smallest file beside this one, list it in
 * {@link Weaver} and give the names of its classes to {@link RequestTransformer}.
 */
interface HttpLibrary {
    /** Name of the class whose {@code @Advice} methods are inlined. It is read as bytes and never loaded. */
    String advice();

    /** The methods that serve one request each, in whichever of the known classes they are declared. */
    ElementMatcher<MethodDescription> methods();

    /** Names of classes without which the advice could not link. */
    List<String> needs();
}
