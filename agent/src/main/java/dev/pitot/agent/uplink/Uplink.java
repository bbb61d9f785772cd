package dev.pitot.agent.uplink;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.recording.Backlog;
import dev.pitot.agent.recording.Chunk;
import dev.pitot.agent.recording.ChunkHeader;
import dev.pitot.agent.recording.JvmIdentity;
import dev.pitot.agent.recording.Leftovers;
import dev.pitot.agent.recording.Tail;
import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Ships the backlog to the collector as {@code docs/spec/wire.md} says, on one daemon thread of its own. Whatever the collector does or
 * fails to do, nothing but this thread waits for it, and at the JVM's exit no longer than {@link #EXIT_NANOS}.
 */
public final class Uplink {
    private static final long POST_NANOS = TimeUnit.SECONDS.toNanos(45);
    private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long FIRST_MILLIS = 1_000;
    private static final long EXIT_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long FINISH_NANOS = TimeUnit.MILLISECONDS.toNanos(400);
    /** A collector that takes longer than this while the JVM wants to end is taken for one that does not answer. */
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(700);
    /** Folders of dead JVMs that one JVM ships in its life. */
    private static final int MAX_LEFTOVERS = 10;
    /** Failures in a row after which a dead JVM is left to the next start. */
    private static final int MAX_DEAD_FAILURES = 5;

    /** What the uplink asks of the agent; called on the uplink thread. */
    public interface Control {
        /** The collector said off: end everything. */
        void switchedOff();
    }

    private static final String NONE_YET = "none yet";

    /** One JVM that is shipped: this one, or a dead one whose leftovers were found. */
    private static final class Flight {
        final String instance;
        final Map<String, String> hello;
        final Backlog backlog;
        boolean helloWanted = true;
        String toldShape = NONE_YET;
        int conflicts;
        int failures;

        Flight(String instance, Map<String, String> hello, Backlog backlog) {
            this.instance = instance;
            this.hello = hello;
            this.backlog = backlog;
        }

        void resync() {
            toldShape = NONE_YET;
        }
    }

    private final AgentConfig config;
    private final Tail tail;
    private final Supplier<Path> repository;
    private final StatusBoard status;
    private final Control control;
    private final PrintStream err;
    private final HttpClient http;
    private final Flight live;
    private final Backoff backoff = new Backoff();
    private final Thread thread;
    private @Nullable String token;
    private @Nullable Leftovers leftovers;
    private @Nullable Flight dead;
    private final Set<Path> passed = new HashSet<>();
    private int leftoversTaken;
    private boolean leftoversDone;
    private boolean refusalTold;
    private boolean absenceTold;
    private boolean reached;
    private boolean shipping;
    private long cadence = FIRST_MILLIS;
    /** {@code System.nanoTime()} before which the collector wants no request, whatever waits. */
    private long notBefore = System.nanoTime();

    private volatile boolean failing = true;
    /** It did not answer, or does not want us: failing, and not only busy. */
    private volatile boolean away = true;

    private volatile long postingSince;
    private volatile boolean stopped;
    private volatile boolean lastCall;
    private volatile boolean pressing;
    private volatile long exitDeadline;

    /**
     * @param repository where JFR writes at present
     * @param err where a person is told, at most twice in the JVM's life: once of an absent, once of a refusing collector
     */
    public Uplink(
            AgentConfig config,
            JvmIdentity jvm,
            Tail tail,
            Backlog backlog,
            Supplier<Path> repository,
            StatusBoard status,
            Control control,
            PrintStream err) {
        this.config = config;
        this.tail = tail;
        this.repository = repository;
        this.status = status;
        this.control = control;
        this.err = err;
        http = new HttpClient(config.collector());
        live = new Flight(jvm.instance().toString(), jvm.hello(), backlog);
        thread = new Thread(null, this::run, "pitot-uplink", 0, false);
        thread.setDaemon(true);
        Contained.in(thread);
        thread.setContextClassLoader(Uplink.class.getClassLoader());
    }

    public void start() {
        thread.start();
    }

    /**
     * Each second on the sampler thread. A write that the collector does not read has no time-out of its own; and what piles up is sent
     * before its time, as the backlog holds only so much.
     */
    public void tick() {
        long since = postingSince;
        if (since != 0 && System.nanoTime() - since > STUCK_NANOS) {
            http.abort();
        }
        if (since == 0 && live.backlog.presses(config.maxSize() / 8)) {
            pressing = true;
            wake();
        }
    }

    /** Ends the uplink at once; nothing more is sent. Any thread. */
    public void stop() {
        stopped = true;
        wake();
        http.end();
    }

    /** The recording was ended for want of disk space: ships what is at hand, and lets go of it if that fails. Any thread. */
    public void lastCall() {
        lastCall = true;
        wake();
    }

    /**
     * In the JVM's shutdown: ships what JFR's own shutdown finalises, waits for it at most a little more than a second, and
     * not at all when the collector did not answer lately.
     */
    public void exit() {
        long now = System.nanoTime();
        long since = postingSince;
        exitDeadline = now + FINISH_NANOS + EXIT_NANOS;
        wake();
        boolean silent = since != 0 && now - since > SLOW_NANOS;
        if (!away && !silent && Thread.currentThread() != thread) {
            try {
                thread.join(TimeUnit.NANOSECONDS.toMillis(exitDeadline - System.nanoTime()));
            } catch (InterruptedException impatient) {
                // Somebody wants the exit now.
                Thread.currentThread().interrupt();
            }
        }
        stop();
    }

    private synchronized void wake() {
        notifyAll();
    }

    private synchronized void pause(long millis) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (!stopped && exitDeadline == 0) {
            long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (left <= 0 || (lastCall && failing)) {
                return;
            }
            if (pressing && !failing) {
                left = Math.min(left, TimeUnit.NANOSECONDS.toMillis(notBefore - System.nanoTime()));
                if (left <= 0) {
                    return;
                }
            }
            wait(left);
        }
    }

    private void run() {
        try (Post post = new Post()) {
            token = readToken();
            while (!stopped && exitDeadline == 0) {
                long pause;
                try {
                    pause = step(post);
                } catch (OutOfMemoryError full) {
                    // The application's heap, and perhaps only for now.
                    live.resync();
                    pause = backoff.next();
                }
                if (lastCall && (failing || live.backlog.next() == null)) {
                    return;
                }
                try {
                    pause(pause);
                } catch (InterruptedException byTheApplication) {
                    // It may interrupt its whole thread group, and that must not end the shipping; a pause cut short is
                    // no harm.
                }
            }
            if (!stopped && !away) {
                finish(post);
            }
        } catch (InterruptedException stop) {
            // Nobody but a shutdown interrupts this thread.
        } catch (IOException atExit) {
            // The collector cannot be told any more; there is nobody else to tell.
        } catch (Throwable failure) {
            status.set("uplink", StatusBoard.Entry.off("the uplink ended with " + failure, "report this as a bug"));
            if (!refusalTold && !stopped && exitDeadline == 0) {
                err.println("[pitot] the uplink ended with " + failure
                        + "; nothing more is sent, the application is not affected.");
            }
            control.switchedOff();
        } finally {
            http.end();
            live.backlog.close();
            if (leftovers != null) {
                leftovers.close();
            }
        }
    }

    /** One request, or none; returns the milliseconds to wait before the next. */
    private long step(Post post) throws InterruptedException {
        pressing = false;
        tail.look();
        live.backlog.trim(config.maxSize(), config.maxAge());
        Flight flight = live;
        if (live.backlog.next() == null && reached && !failing && isLeftoversTurn()) {
            flight = dead == null ? live : dead;
        }
        Reply reply;
        Chunk chunk = null;
        boolean composed = false;
        try {
            // At first and after an error or a conflict the collector says where it stands, or a younger chunk might go
            // before an older one that it has lost.
            boolean ask = flight.toldShape.equals(NONE_YET);
            chunk = ask ? null : flight.backlog.post();
            String reported = flight.backlog.lost();
            String shape = flight.backlog.shape();
            // What cannot be read right now is not sent yet: it must not be deleted.
            boolean ended = flight == dead && chunk == null && !ask && flight.backlog.isLast(null);
            compose(post, flight, chunk, shape, reported, ended);
            composed = true;
            reply = send(post, System.nanoTime() + POST_NANOS);
            if (reply.status() == 200 && reply.collector()) {
                flight.backlog.lostIsKnown(reported);
                flight.toldShape = shape;
                if (ended) {
                    leftoversAreShipped();
                }
            }
        } catch (IOException failure) {
            if (chunk != null && !composed) {
                // The file cannot be read: the disk's failure, not the collector's.
                flight.backlog.refused(chunk);
                return FIRST_MILLIS;
            }
            failed(flight, failure);
            return backoff.next();
        } finally {
            flight.backlog.posted();
        }
        notBefore = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(reply.waitMillis());
        return react(flight, chunk, reply);
    }

    private long react(Flight flight, @Nullable Chunk chunk, Reply reply) {
        if (reply.status() == 200 && !reply.collector()) {
            failing(flight);
            away = true;
            refused("it answers, but not as a Pitot collector of wire format 1", "check the address");
            return backoff.next();
        }
        if (reply.off()) {
            stopped = true;
            control.switchedOff();
            return 0;
        }
        if (reply.cadenceMillis() > 0) {
            cadence = reply.cadenceMillis();
        }
        if (reply.status() == 200 || reply.status() == 409) {
            long before = chunk == null ? 0 : chunk.durable();
            reply.durable().forEach(flight.backlog::durable);
            boolean moved = chunk != null && chunk.durable() != before && reply.status() == 200;
            if (moved) {
                flight.conflicts = 0;
                flight.failures = 0;
            } else if (chunk != null || reply.status() == 409) {
                flight.conflicts++;
            }
            if (flight.conflicts > 3) {
                // The next ask starts afresh; the back-off goes on until a segment moves.
                flight.conflicts = 0;
                failed(flight, new IOException("the collector does not say how to go on"));
                return backoff.next();
            }
            answered(flight, reply, moved || flight.backlog.next() == null);
            if (flight == dead && leftovers != null && chunk == null) {
                // Only now is it known what of it is still to be sent.
                leftovers.keepNewest(config.maxSize());
            }
            if (flight == dead && flight.backlog.next() == null && !flight.backlog.isLast(null)) {
                return FIRST_MILLIS;
            }
            boolean more = flight.backlog.next() != null || flight != live || isLeftoversTurn();
            if (more) {
                return reply.waitMillis();
            }
            shipping |= chunk != null;
            // The first second of a recording is worth showing at once.
            return Math.max(reply.waitMillis(), shipping ? cadence : FIRST_MILLIS);
        }
        failing(flight);
        away = reply.status() != 429 && reply.status() != 503;
        switch (reply.status()) {
            case 401 -> {
                String again = readToken();
                boolean changed = again != null && !again.equals(token);
                token = again;
                if (changed) {
                    return 0;
                }
                refused("it does not know the ingest token (401)", "give the collector's ingest token by token-file");
            }
            case 429, 503 ->
                status.set("uplink", StatusBoard.Entry.partial("the collector is busy (" + reply.status() + ")", ""));
            default -> {
                if (chunk != null && (reply.status() == 400 || reply.status() == 413)) {
                    flight.backlog.refused(chunk);
                }
                refused(
                        "it answers " + reply.status() + (reply.message().isEmpty() ? "" : ", " + reply.message()),
                        "check that this address is a Pitot collector of a matching version");
            }
        }
        return Math.max(backoff.next(), reply.retryAfterMillis());
    }

    private void compose(Post post, Flight flight, @Nullable Chunk chunk, String shape, String reported, boolean ended)
            throws IOException {
        post.reset();
        post.put("wire", "1");
        post.put("jvm", flight.instance);
        post.put("sent", Long.toString(System.currentTimeMillis() * 1_000_000));
        if (flight.helloWanted) {
            flight.hello.forEach(post::put);
        }
        if (!shape.equals(flight.toldShape)) {
            post.put("have", flight.backlog.have());
        }
        if (!reported.isEmpty()) {
            post.put("lost", reported);
        }
        if (ended) {
            post.put("ended", "true");
        }
        ChunkHeader boundary = chunk == null ? null : chunk.boundary();
        if (chunk == null || boundary == null) {
            post.end();
        } else {
            int count = (int) Math.min(Post.MAX_SEGMENT, boundary.size() - chunk.durable());
            post.segment(chunk, boundary, chunk.durable(), count);
        }
    }

    private Reply send(Post post, long deadline) throws IOException {
        postingSince = System.nanoTime() | 1;
        try {
            return http.post(token, post.bytes(), post.length(), deadline);
        } finally {
            postingSince = 0;
        }
    }

    /** @param well whether it took something, or there was nothing to take */
    private void answered(Flight flight, Reply reply, boolean well) {
        if (reply.status() == 409 || (reply.helloWanted() && !flight.helloWanted)) {
            // It knows less than we thought, perhaps of other chunks too.
            flight.resync();
        }
        flight.helloWanted = reply.helloWanted();
        reached = true;
        away = false;
        if (well) {
            backoff.reset();
        }
        if (failing) {
            failing = false;
            status.set("uplink", StatusBoard.Entry.ON);
        }
    }

    /** Of a dead JVM only so often: what the collector takes of the living must not wait for what it does not take. */
    private void failing(Flight flight) {
        failing = true;
        flight.resync();
        live.resync();
        Leftovers refused = leftovers;
        if (flight == dead && refused != null && ++flight.failures >= MAX_DEAD_FAILURES) {
            passed.add(refused.folder());
            refused.close();
            leftovers = null;
            dead = null;
        }
    }

    private void failed(Flight flight, IOException failure) {
        failing(flight);
        away = true;
        String reason = failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
        status.set(
                "uplink",
                StatusBoard.Entry.partial(
                        "the collector " + http.collector() + " could not be reached (" + reason + ")", ""));
        if (!reached && !absenceTold && !stopped && exitDeadline == 0) {
            absenceTold = true;
            err.println("[pitot] the collector " + http.collector() + " cannot be reached (" + reason
                    + "); up to " + (config.maxSize() >> 20) + " MB or "
                    + config.maxAge().toMinutes()
                    + " min of measurements wait for it, the application is not affected.");
        }
    }

    private void refused(String reason, String remedy) {
        status.set("uplink", StatusBoard.Entry.off("the collector refuses: " + reason, remedy));
        if (!refusalTold) {
            refusalTold = true;
            err.println("[pitot] the collector " + http.collector() + " refuses this JVM: " + reason + "; " + remedy
                    + ". The application is not affected.");
        }
    }

    private @Nullable String readToken() {
        Path file = config.tokenFile();
        if (file == null) {
            return config.token();
        }
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            String line = reader.readLine();
            if (line != null && ConfigSources.isToken(line.strip())) {
                return line.strip();
            }
        } catch (IOException unreadable) {
            // The collector's 401 says so, with the remedy; and the file may come later.
        }
        return config.token();
    }

    private boolean isLeftoversTurn() {
        if (leftoversDone) {
            return false;
        }
        if (leftovers == null) {
            Leftovers next = leftoversTaken < MAX_LEFTOVERS ? Leftovers.next(repository.get(), config, passed) : null;
            if (next == null) {
                leftoversDone = true;
                return false;
            }
            leftovers = next;
            leftoversTaken++;
            dead = new Flight(next.instance(), next.hello(), next.backlog());
        }
        return true;
    }

    private void leftoversAreShipped() {
        Leftovers shipped = leftovers;
        if (shipped != null) {
            shipped.delete();
            shipped.close();
        }
        leftovers = null;
        dead = null;
    }

    /** The JVM ends: JFR finalises its chunks about now. */
    private void finish(Post post) throws IOException, InterruptedException {
        long finished = exitDeadline - EXIT_NANOS;
        tail.look();
        while (!live.backlog.isFinished() && System.nanoTime() < finished && !stopped) {
            TimeUnit.MILLISECONDS.sleep(3);
            tail.look();
        }
        long deadline = Math.min(exitDeadline, System.nanoTime() + EXIT_NANOS);
        for (boolean ended = false; !ended && !stopped && System.nanoTime() < deadline; ) {
            Chunk chunk = live.backlog.post();
            ended = chunk == null || isLast(chunk);
            String reported = live.backlog.lost();
            compose(post, live, chunk, live.backlog.shape(), reported, ended);
            Reply reply = send(post, deadline);
            if (reply.status() == 409) {
                ended = false;
                live.conflicts++;
            }
            if ((reply.status() != 200 && reply.status() != 409) || live.conflicts > 5) {
                return;
            }
            live.helloWanted = reply.helloWanted();
            if (reply.status() == 200) {
                live.backlog.lostIsKnown(reported);
            }
            reply.durable().forEach(live.backlog::durable);
        }
    }

    private boolean isLast(Chunk chunk) {
        return chunk.size() - chunk.durable() <= Post.MAX_SEGMENT && live.backlog.isLast(chunk);
    }
}
