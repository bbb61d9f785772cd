package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** What is on, what is off and why: one event per part of the agent at its start, on every change and once a minute. */
@Name("pitot.AgentStatus")
@Label("Agent Status")
@Category({"Pitot", "Agent"})
@Description("State of one part of the Pitot agent, and the reason when it is not fully on")
@StackTrace(false)
public final class AgentStatus extends Event {
    @Label("Part")
    @Description(
            "recording, uplink, disk, secrets, http, sql, calls, follow, waits, log, budget, hardware counters, software counters, thread counters, host, host counters, virtual threads, or what failed: process counters, JVM memory, summaries, agent cost, agent status, every second")
    public @Nullable String part;

    @Label("State")
    @Description("on, partial or off")
    public @Nullable String state;

    @Label("Reason")
    @Description("Why it is not fully on, in one sentence; empty when on")
    public @Nullable String reason;

    @Label("Remedy")
    @Description("What a person can do about it; empty when there is nothing to do")
    public @Nullable String remedy;
}
