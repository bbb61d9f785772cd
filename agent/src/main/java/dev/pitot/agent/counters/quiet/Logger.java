package dev.pitot.agent.counters.quiet;

/** The methods that JNA calls, which do nothing. What fails is known by its exception. */
public final class Logger {
    private static final Logger ONLY = new Logger();

    private Logger() {}

    public static Logger getLogger(String name) {
        return ONLY;
    }

    public boolean isLoggable(Level level) {
        return false;
    }

    public void log(Level level, String message) {}

    public void log(Level level, String message, Object parameter) {}

    public void log(Level level, String message, Object[] parameters) {}

    public void log(Level level, String message, Throwable thrown) {}
}
