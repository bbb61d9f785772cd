package dev.pitot.agent.spans;

import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.SpanEvent;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes what is known of a span to the fields that all single events have. */
final class SpanFields {
    private SpanFields() {}

    static void write(SpanEvent event, Done done, @Nullable String error, List<String> further) {
        event.failed = done.failed;
        event.error = error;
        event.otherThreads = done.otherThreads;
        Cost all = done.all;
        event.cpuTime = all.cpuTime;
        event.runQueueWait = all.runQueueWait;
        event.allocated = all.allocated;
        event.counterSource = all.source == null ? "none" : all.source;
        event.counterRunning = all.enabled <= 0 ? Double.NaN : Math.min(1, (double) all.running / all.enabled);
        event.contextSwitches = all.counts[ThreadCounters.CONTEXT_SWITCHES];
        event.pageFaults = all.counts[ThreadCounters.PAGE_FAULTS];
        event.cycles = all.counts[ThreadCounters.CYCLES];
        event.instructions = all.counts[ThreadCounters.INSTRUCTIONS];
        event.cacheMisses = all.counts[ThreadCounters.CACHE_MISSES];
        event.branchMisses = all.counts[ThreadCounters.BRANCH_MISSES];
        event.furtherCounters = all.source == null ? null : Further.text(further, all.counts);
        Cost own = done.own;
        event.ownCpuTime = own.cpuTime;
        event.ownRunQueueWait = own.runQueueWait;
        event.ownAllocated = own.allocated;
        event.ownContextSwitches = own.counts[ThreadCounters.CONTEXT_SWITCHES];
        event.ownPageFaults = own.counts[ThreadCounters.PAGE_FAULTS];
        event.ownCycles = own.counts[ThreadCounters.CYCLES];
        event.ownInstructions = own.counts[ThreadCounters.INSTRUCTIONS];
        event.ownCacheMisses = own.counts[ThreadCounters.CACHE_MISSES];
        event.ownBranchMisses = own.counts[ThreadCounters.BRANCH_MISSES];
        event.timeOnCpu = done.parts[Part.ON_CPU];
        event.timeRunQueue = done.parts[Part.RUN_QUEUE];
        event.timeLock = done.parts[Part.LOCK];
        event.timePark = done.parts[Part.PARK];
        event.timeSocket = done.parts[Part.SOCKET];
        event.timeFile = done.parts[Part.FILE];
        event.timeSql = done.parts[Part.SQL];
        event.timeCall = done.parts[Part.CALL];
        event.timePool = done.parts[Part.POOL];
        event.timePause = done.parts[Part.PAUSE];
        event.timeHandoff = done.parts[Part.HANDOFF];
        event.timeUnknown = done.parts[Part.UNKNOWN];
    }

    /** Ids of the span, of the one around it and of the trace; the last two may be null. */
    static void identify(SpanEvent event, long id, @Nullable String parentId, @Nullable String traceparent) {
        event.spanId = Hex.of(id);
        event.parentSpanId = parentId;
        event.traceId = traceparent == null ? null : TraceParent.traceId(traceparent);
    }
}
