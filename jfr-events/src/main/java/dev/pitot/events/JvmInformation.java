package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timestamp;
import org.jspecify.annotations.Nullable;

/**
 * The JVM that was measured, with values of arguments that look like secrets replaced. It stands in for
 * {@code jdk.JVMInformation}, which the agent leaves on only when nothing had to be replaced.
 */
@Name("pitot.JvmInformation")
@Label("JVM Information")
@Category({"Pitot", "JVM"})
@Description("The JVM that was measured; values of arguments that look like secrets are replaced by ***")
@StackTrace(false)
public final class JvmInformation extends Event {
    @Label("Service")
    @Description("Name of the service, as configured or made of the main class")
    public @Nullable String service;

    @Label("Instance")
    @Description("Random identifier of this JVM, made when the agent started")
    public @Nullable String instance;

    @Label("Host")
    @Description("Name of the machine")
    public @Nullable String host;

    @Label("Process Identifier")
    @Description("Process identifier, in a container the container's own")
    public long pid;

    @Label("JVM Name")
    @Description("System property java.vm.name")
    public @Nullable String jvmName;

    @Label("JVM Version")
    @Description("System property java.vm.version")
    public @Nullable String jvmVersion;

    @Label("JVM Start Time")
    @Description("When the JVM was started, by its own clock")
    @Timestamp(Timestamp.MILLISECONDS_SINCE_EPOCH)
    public long jvmStartTime;

    @Label("JVM Arguments")
    @Description("Arguments of the JVM, scrubbed")
    public @Nullable String jvmArguments;

    @Label("Java Command")
    @Description("Main class or jar and the program's arguments, scrubbed")
    public @Nullable String javaCommand;

    @Label("Agent Version")
    @Description("Version of the Pitot agent")
    public @Nullable String agentVersion;
}
