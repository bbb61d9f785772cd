package dev.pitot.agent.status;

/**
 * What the agent's threads have for the errors they could not handle, a full heap inside their own last handler say: such a
 * thread just ends. The application's default handler must never see it, as many end the JVM there.
 */
public final class Contained implements Thread.UncaughtExceptionHandler {
    private Contained() {}

    /** Contains whatever this thread may still throw. */
    public static void in(Thread thread) {
        thread.setUncaughtExceptionHandler(new Contained());
    }

    @Override
    public void uncaughtException(Thread thread, Throwable error) {
        // Deliberately nothing: what could be said was tried where it was caught last.
    }
}
