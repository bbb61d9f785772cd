package dev.pitot.agent.spans;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.events.HttpCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Measures HTTP calls to other servers, from their making to their answer. Runs on the application's threads. */
final class Calls {
    private final SpanThreads threads;
    private final Frames frames;
    private final Shedding shedding;
    private final List<String> further;
    private final Summaries targets;
    private final EventLimit limit;

    /** @param further names of counters */
    Calls(AgentConfig config, SpanThreads threads, Frames frames, Shedding shedding, List<String> further) {
        this.threads = threads;
        this.frames = frames;
        this.shedding = shedding;
        this.further = further;
        targets = new Summaries(config.calls().names(), threads.places());
        limit = new EventLimit(config.calls());
    }

    @Nullable
    Object begin(@Nullable String method, @Nullable String host, int port, @Nullable String path) {
        SpanThread thread = threads.ofThisThread();
        if (thread.isWithin(Frame.Kind.CALL)) {
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        Call call =
                new Call(targets.find(Target.of(host, port)), thread.live(), frame.id, Frames.parentId(thread.top()));
        call.event.method = Endpoints.method(method);
        call.event.route = RouteTemplate.of(path);
        open(thread, frame, call);
        call.begun = frame.mark.wall;
        call.event.begin();
        return call;
    }

    private void open(SpanThread thread, Frame frame, Call call) {
        frame.kind = Frame.Kind.CALL;
        frame.span = null;
        frame.call = call;
        frame.counted = shedding.countsRequests();
        thread.meter.mark(frame.mark, frame.counted);
        thread.push();
    }

    @Nullable
    Object goOn(Object token) {
        SpanThread thread = threads.ofThisThread();
        if (!(token instanceof Call call) || call.hasEnded() || thread.isWithin(Frame.Kind.CALL)) {
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.id = call.id;
        open(thread, frame, call);
        return call;
    }

    @Nullable
    String traceparent(@Nullable Object token) {
        Span request = requestOf(token);
        return request == null ? null : request.traceparent;
    }

    @Nullable
    String tracestate(@Nullable Object token) {
        Span request = requestOf(token);
        return request == null ? null : request.tracestate;
    }

    private @Nullable Span requestOf(@Nullable Object token) {
        if (token instanceof Call call) {
            return call.request;
        }
        SpanThread thread = threads.peek();
        return thread == null ? null : thread.live();
    }

    void end(Object token, int status, boolean async, @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null || !(token instanceof Call call)) {
            return;
        }
        Frame frame = thread.frameOf(call);
        if (frame == null || !thread.popTo(frame)) {
            return;
        }
        frame.call = null;
        call.event.end();
        Done done = frames.closeNested(thread, frame, Part.CALL, thrown);
        if (call.returned(async && thrown == null, status, done, thrown)) {
            thread.stripe = finish(call, done, thread.stripe);
        }
    }

    void complete(Object token, int status, @Nullable Throwable thrown) {
        if (token instanceof Call call) {
            Done made = call.completed(status, thrown);
            if (made != null) {
                finish(call, made, 0);
            }
        }
    }

    private int finish(Call call, Done done, int stripe) {
        done.failed = call.error != null || call.status >= 500;
        done.extras[Done.ASYNC] = call.async ? 1 : 0;
        Span request = call.request;
        if (request != null) {
            request.count(Done.CALLS, Done.CALL_NANOS, done.duration);
        }
        int at = call.summary.add(done, stripe);
        HttpCall event = call.event;
        if (event.shouldCommit() && shedding.emits() && limit.take(done)) {
            event.target = call.summary.name;
            event.status = call.status;
            event.async = call.async;
            SpanFields.identify(event, call.id, call.parentId, request == null ? null : request.traceparent);
            SpanFields.write(event, done, call.error, further);
            event.commit();
        }
        return at;
    }

    List<Summary> all() {
        return targets.all();
    }

    /** The next calls become events again; the sampler's. */
    void refill() {
        limit.refill();
    }
}
