package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** What can be counted here, at which rung of the ladder, and what is in the way: one event a line, at the start, on change and once a minute. */
@Name("pitot.Diagnosis")
@Label("Diagnosis")
@Category({"Pitot", "Agent"})
@Description("One line of what pitot doctor says about counting on this machine")
@StackTrace(false)
public final class Diagnosis extends Event {
    @Label("Subject")
    @Description(
            "What the line is about: a fact such as perf_event_paranoid, or a rung such as hardware counters of the process")
    public @Nullable String subject;

    @Label("Kind of Line")
    @Description("fact or rung")
    public @Nullable String category;

    @Label("State")
    @Description("yes, partial or no for a rung; empty for a fact")
    public @Nullable String state;

    @Label("Detail")
    @Description("Value of a fact; what a rung can count")
    public @Nullable String detail;

    @Label("Blocker")
    @Description("What is in the way, in one sentence; empty when nothing is")
    public @Nullable String blocker;

    @Label("Fix on a Host")
    @Description("Smallest command that removes it on a host; empty when there is none")
    public @Nullable String fixOnHost;

    @Label("Fix in Docker")
    @Description("The same for docker run")
    public @Nullable String fixInDocker;

    @Label("Fix in Kubernetes")
    @Description("The same for a pod specification")
    public @Nullable String fixInKubernetes;
}
