package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the collectors on one database tell each other: rare, short messages that something stored has changed, such as
 * {@code settings}. Data never goes this way, as PostgreSQL lets transactions that notify commit one after the other only.
 *
 * <p>Any thread says and listens. Messages go out from a thread of their own, one in 100 ms, never within somebody's
 * transaction, and the same message that waits already is not sent twice. They come in on another thread and a connection of its
 * own; listeners are called there one after the other, and are quick.
 */
public final class Control implements AutoCloseable {
    /** Told to listeners when messages may have been missed: load again all that you keep of the database. */
    public static final String EVERYTHING = "*";

    private static final String CHANNEL = "pitot_control";
    private static final int LONGEST = 200;
    private static final int MOST_WAITING = 100;
    private static final long BETWEEN_MILLIS = 100;
    private static final int WAIT_MILLIS = 10_000;
    private static final long RECONNECT_MILLIS = 1_000;
    private static final Logger LOG = LoggerFactory.getLogger(Control.class);

    private final Database database;
    private final List<Consumer<String>> listeners = new CopyOnWriteArrayList<>();
    private final LinkedHashSet<String> waiting = new LinkedHashSet<>();
    private final ScheduledExecutorService sender;
    private final Thread receiver;
    private volatile boolean closed;
    private volatile @Nullable Connection connection;

    public Control(Database database) {
        this.database = database;
        this.sender = Executors.newSingleThreadScheduledExecutor(task -> daemon(task, "pitot-control-out"));
        this.sender.scheduleWithFixedDelay(this::sendOne, BETWEEN_MILLIS, BETWEEN_MILLIS, TimeUnit.MILLISECONDS);
        this.receiver = daemon(this::receive, "pitot-control-in");
        this.receiver.start();
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Hears from now on every message of every collector, this one's too, and {@link #EVERYTHING} after each time that the
     * connection was made, as messages before that may be lost.
     */
    public void listen(Consumer<String> listener) {
        listeners.add(listener);
    }

    /**
     * Tells every collector, soon. Call it after the commit of what the message is about.
     *
     * @param message a word or a short line
     */
    public void say(String message) {
        if (message.isEmpty() || message.length() > LONGEST) {
            throw new IllegalArgumentException(
                    "A control message has 1 to " + LONGEST + " characters, not " + message.length() + ".");
        }
        synchronized (waiting) {
            if (waiting.size() >= MOST_WAITING && !waiting.contains(message)) {
                waiting.clear();
                waiting.add(EVERYTHING);
            }
            waiting.add(message);
        }
    }

    private void sendOne() {
        String message;
        synchronized (waiting) {
            Iterator<String> first = waiting.iterator();
            if (!first.hasNext()) {
                return;
            }
            message = first.next();
            first.remove();
        }
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("select pg_notify('" + CHANNEL + "', ?)")) {
            s.setString(1, message);
            s.execute();
        } catch (SQLException | RuntimeException away) {
            LOG.debug("said again when the database answers", away);
            say(message);
        }
    }

    private void receive() {
        while (!closed) {
            try (Connection c = database.apart("pitot control");
                    Statement s = c.createStatement()) {
                connection = c;
                s.execute("listen " + CHANNEL);
                tell(EVERYTHING);
                while (!closed) {
                    PGNotification[] news = c.unwrap(PGConnection.class).getNotifications(WAIT_MILLIS);
                    if (news == null || news.length == 0) {
                        // Of a server that is gone nothing is heard either.
                        s.execute("select 1");
                    } else {
                        for (PGNotification one : news) {
                            tell(one.getParameter());
                        }
                    }
                }
            } catch (SQLException e) {
                if (!closed) {
                    LOG.debug("control messages are heard again when the database answers", e);
                }
            }
            pause();
        }
    }

    private void pause() {
        if (!closed) {
            try {
                Thread.sleep(RECONNECT_MILLIS);
            } catch (InterruptedException stopped) {
                closed = true;
            }
        }
    }

    private void tell(String message) {
        for (Consumer<String> listener : listeners) {
            try {
                listener.accept(message);
            } catch (RuntimeException bug) {
                LOG.error("A listener failed on the control message {}", message, bug);
            }
        }
    }

    /** Says and hears nothing more; what waits to be said is given up. */
    @Override
    public void close() {
        closed = true;
        sender.shutdownNow();
        receiver.interrupt();
        Connection open = connection;
        if (open != null) {
            try {
                open.abort(Runnable::run);
            } catch (SQLException gone) {
                LOG.debug("gone already", gone);
            }
        }
    }
}
