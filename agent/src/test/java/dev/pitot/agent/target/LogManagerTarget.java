package dev.pitot.agent.target;

import java.net.ConnectException;
import java.net.URI;
import java.util.logging.LogManager;

/**
 * Names its own log manager in {@code main}, as application servers do, after native code has been loaded and an HTTP call was
 * made, with which loggers are woven.
 */
public final class LogManagerTarget {
    private LogManagerTarget() {}

    /** A log manager of the application's own. */
    public static final class Own extends LogManager {}

    public static void main(String[] args) throws Exception {
        try {
            URI.create("http://127.0.0.1:1").toURL().openConnection().connect();
            System.out.println("connected");
        } catch (ConnectException refused) {
            System.out.println("port 0");
        }
        while (System.in.read() >= 0) {
            System.out.println("read");
        }
        System.setProperty("java.util.logging.manager", Own.class.getName());
        System.out.println(LogManager.getLogManager().getClass().getSimpleName());
        System.exit(0);
    }
}
