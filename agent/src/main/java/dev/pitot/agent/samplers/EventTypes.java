package dev.pitot.agent.samplers;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.AgentConfig.Cores;
import dev.pitot.events.AgentCost;
import dev.pitot.events.AgentStatus;
import dev.pitot.events.CallSummary;
import dev.pitot.events.CgroupCpu;
import dev.pitot.events.CgroupMemory;
import dev.pitot.events.ConnectionWait;
import dev.pitot.events.Counter;
import dev.pitot.events.Diagnosis;
import dev.pitot.events.EndpointSummary;
import dev.pitot.events.HostCore;
import dev.pitot.events.HostCounters;
import dev.pitot.events.HostCpu;
import dev.pitot.events.HostDisk;
import dev.pitot.events.HostFileSystem;
import dev.pitot.events.HostMemory;
import dev.pitot.events.HostNetwork;
import dev.pitot.events.HostPaging;
import dev.pitot.events.HostTcp;
import dev.pitot.events.HttpCall;
import dev.pitot.events.HttpRequest;
import dev.pitot.events.JvmInformation;
import dev.pitot.events.JvmMemory;
import dev.pitot.events.LoggedErrors;
import dev.pitot.events.PoolSummary;
import dev.pitot.events.Pressure;
import dev.pitot.events.ProcessCounters;
import dev.pitot.events.SqlStatement;
import dev.pitot.events.StatementSummary;
import dev.pitot.events.ThreadKindCounters;
import dev.pitot.events.TopThread;
import java.util.List;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;

/**
 * All event types that will be emitted, registered before the recording starts: each late one would write all metadata of the
 * chunk anew, some 100 KB.
 */
final class EventTypes {
    private static final List<Class<? extends Event>> ALWAYS = List.of(
            AgentCost.class,
            AgentStatus.class,
            CallSummary.class,
            ConnectionWait.class,
            Diagnosis.class,
            EndpointSummary.class,
            HttpCall.class,
            HttpRequest.class,
            JvmInformation.class,
            JvmMemory.class,
            LoggedErrors.class,
            PoolSummary.class,
            ProcessCounters.class,
            SqlStatement.class,
            StatementSummary.class,
            ThreadKindCounters.class,
            TopThread.class);

    private static final List<Class<? extends Event>> OF_HOST = List.of(
            CgroupCpu.class,
            CgroupMemory.class,
            HostCpu.class,
            HostDisk.class,
            HostFileSystem.class,
            HostMemory.class,
            HostNetwork.class,
            HostPaging.class,
            HostTcp.class,
            Pressure.class);

    private EventTypes() {}

    static void registerAll(AgentConfig config) {
        ALWAYS.forEach(FlightRecorder::register);
        if (!config.counters().names().isEmpty()) {
            FlightRecorder.register(Counter.class);
        }
        if (config.counters().host()) {
            FlightRecorder.register(HostCounters.class);
        }
        if (config.host()) {
            OF_HOST.forEach(FlightRecorder::register);
            if (config.hostCores() != Cores.FALSE) {
                FlightRecorder.register(HostCore.class);
            }
        }
    }
}
