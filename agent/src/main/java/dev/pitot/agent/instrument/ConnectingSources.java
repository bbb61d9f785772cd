package dev.pitot.agent.instrument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/** Waits for a connection of data sources without a pool, which connect to the database each time. */
final class ConnectingSources implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point("dev.pitot.agent.instrument.ConnectingSources$OnGetConnection", DataSources.asked()));
    }

    /** Inlined into the data source. */
    static final class OnGetConnection {
        private OnGetConnection() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object source) {
            return Spans.beginSource(source.getClass().getName());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.endWait(token, thrown);
            }
        }
    }
}
