/**
 * What JNA's classes log to inside the agent: nothing. The agent's class loader puts these classes in
 * the place of {@code java.util.logging} when it defines JNA. The JDK's own would set up the log manager of the
 * whole JVM before the application has had a chance to name its own, which breaks servers that do so in {@code main} (JBoss
 * LogManager, Log4j's).
 */
package dev.pitot.agent.counters.quiet;
