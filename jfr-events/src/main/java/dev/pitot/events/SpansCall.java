package dev.pitot.events;

import java.lang.reflect.Method;
import java.util.concurrent.CompletionException;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Ends a call of {@code java.net.http} with the future of its response. Stands beside the bridge, as advice can bring no class of its
 * own along. Any thread; never throws.
 */
public final class SpansCall implements BiConsumer<@Nullable Object, @Nullable Throwable> {
    private static volatile @Nullable Method statusCode;

    private final Object call;

    /** @param call what {@link Spans#beginCall} gave */
    public SpansCall(Object call) {
        this.call = call;
    }

    @Override
    public void accept(@Nullable Object response, @Nullable Throwable thrown) {
        Throwable cause = thrown instanceof CompletionException ? thrown.getCause() : null;
        Spans.completeCall(call, status(response), cause == null ? thrown : cause);
    }

    /** By reflection: the boot loader does not see the platform loader's {@code java.net.http.HttpResponse}. */
    private static int status(@Nullable Object response) {
        if (response == null) {
            return 0;
        }
        try {
            Method found = statusCode;
            if (found == null) {
                found = Class.forName(
                                "java.net.http.HttpResponse",
                                false,
                                response.getClass().getClassLoader())
                        .getMethod("statusCode");
                statusCode = found;
            }
            return (Integer) found.invoke(response);
        } catch (ReflectiveOperationException | RuntimeException | LinkageError unknown) {
            return 0;
        }
    }
}
