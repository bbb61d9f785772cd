package dev.pitot.agent.spans;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.events.ConnectionWait;
import dev.pitot.events.SpanEvent;
import dev.pitot.events.SqlStatement;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Measures SQL statements and waits for a pool's connections, each on the thread that does it. Runs on the application's threads. */
final class SqlSpans {
    private static final int LONGEST_TEXT = 4096;

    private final SpanThreads threads;
    private final Frames frames;
    private final Shedding shedding;
    private final List<String> further;
    private final Statements statements;
    private final Summaries pools;
    private final EventLimit statementEvents;
    private final EventLimit waitEvents;
    private final Recent<Summary> prepared = new Recent<>();
    private final Carried<Summary> batches = new Carried<>();
    private final boolean literals;
    /** Of statements, as the program wrote them, and as long as these live; only where events carry them. */
    private final Recent<String> texts = new Recent<>();

    /** @param further names of counters */
    SqlSpans(AgentConfig config, SpanThreads threads, Frames frames, Shedding shedding, List<String> further) {
        this.threads = threads;
        this.frames = frames;
        this.shedding = shedding;
        this.further = further;
        statements = new Statements(config.sql().names(), threads.places());
        pools = new Summaries(config.sql().names(), threads.places());
        statementEvents = new EventLimit(config.sql());
        waitEvents = new EventLimit(config.sql());
        literals = config.shown().literals();
    }

    @Nullable
    Object beginStatement(@Nullable Object statement, @Nullable String sql) {
        SpanThread thread = threads.ofThisThread();
        Frame open = thread.open(Frame.Kind.STATEMENT);
        if (open != null) {
            if (open.summary == statements.unseen()) {
                // A wrapper that nobody told its text has passed the call on to a statement that knows it.
                open.summary = summaryOf(statement, sql);
                open.text = textOf(statement, sql);
            }
            return null;
        }
        if (thread.isWithin(Frame.Kind.WAIT)) {
            return null; // By which a pool tries its connection: a part of the wait.
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.kind = Frame.Kind.STATEMENT;
        frame.span = null;
        frame.summary = summaryOf(statement, sql);
        frame.text = textOf(statement, sql);
        if (frame.statement == null) {
            frame.statement = new SqlStatement();
        }
        frame.counted = shedding.countsSql();
        thread.meter.mark(frame.mark, frame.counted);
        frame.statement.begin();
        thread.push();
        return frame;
    }

    @Nullable
    Object beginUncounted() {
        SpanThread thread = threads.ofThisThread();
        if (thread.isWithin(Frame.Kind.STATEMENT)) {
            return null;
        }
        Frame around = thread.top();
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.kind = Frame.Kind.STATEMENT;
        frame.span = null;
        frame.summary = null;
        if (around != null) {
            frame.id = around.id; // There will be no span: what is in it belongs to the one around.
        } else if (thread.virtual) {
            thread.meter.mark(frame.mark, false); // By which the end finds this thread.
        }
        thread.push();
        return frame;
    }

    void endStatement(Object token, long batchSize, @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null
                || !(token instanceof Frame frame)
                || frame.kind != Frame.Kind.STATEMENT
                || !thread.popTo(frame)) {
            return;
        }
        Summary summary = frame.summary;
        SqlStatement event = frame.statement;
        String text = frame.text;
        frame.text = null;
        if (summary == null || event == null) {
            Frames.pass(thread, frame);
            return;
        }
        event.end();
        Done done = frames.closeNested(thread, frame, Part.SQL, thrown);
        done.extras[Done.BATCHED] = batchSize;
        Span request = thread.live();
        if (request != null) {
            request.count(Done.STATEMENTS, Done.STATEMENT_NANOS, done.duration);
        }
        thread.stripe = summary.add(done, thread.stripe);
        if (event.shouldCommit() && shedding.emits() && statementEvents.take(done)) {
            event.statement = summary.name;
            event.sql = summary.detail;
            event.sqlWithLiterals =
                    text == null || text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT);
            event.batchSize = batchSize;
            commit(event, frame.id, Frames.parentId(thread.top()), request, done, thrown);
        }
    }

    private void commit(
            SpanEvent event,
            long id,
            @Nullable String parentId,
            @Nullable Span request,
            Done done,
            @Nullable Throwable thrown) {
        SpanFields.identify(event, id, parentId, request == null ? null : request.traceparent);
        SpanFields.write(event, done, thrown == null ? null : thrown.getClass().getName(), further);
        event.commit();
    }

    private Summary summaryOf(@Nullable Object statement, @Nullable String sql) {
        if (sql != null) {
            return statements.find(statement, sql);
        }
        Summary known = statement == null ? null : prepared.get(statement);
        if (known == null && statement != null) {
            known = batches.remove(statement);
        }
        return known == null ? statements.unseen() : known;
    }

    private @Nullable String textOf(@Nullable Object statement, @Nullable String sql) {
        if (!literals) {
            return null;
        }
        return sql != null || statement == null ? sql : texts.get(statement);
    }

    void prepared(Object statement, String sql) {
        if (literals) {
            texts.put(statement, sql);
        }
        Summary summary = statements.find(statement, sql);
        // A driver's methods call each other, and a pool may hand out the same statement again.
        if (prepared.get(statement) != summary) {
            prepared.put(statement, summary);
        }
    }

    void batched(Object statement, @Nullable String sql) {
        if (sql == null) {
            batches.remove(statement);
        } else if (batches.get(statement) == null) {
            batches.put(statement, statements.find(statement, sql));
            if (literals) {
                texts.put(statement, sql);
            }
        }
    }

    /** @param isPool whether it is one for certain, and not what may pass the question on to one */
    @Nullable
    Object beginWait(@Nullable String pool, boolean isPool) {
        SpanThread thread = threads.ofThisThread();
        Frame open = thread.open(Frame.Kind.WAIT);
        if (open != null) {
            if (isPool && !open.isPool) {
                open.summary = poolOf(pool);
                open.isPool = true;
            }
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.kind = Frame.Kind.WAIT;
        frame.span = null;
        frame.summary = poolOf(pool);
        frame.isPool = isPool;
        if (frame.wait == null) {
            frame.wait = new ConnectionWait();
        }
        frame.counted = shedding.countsSql();
        thread.meter.mark(frame.mark, frame.counted);
        frame.wait.begin();
        thread.push();
        return frame;
    }

    private Summary poolOf(@Nullable String pool) {
        return pools.find(pool == null ? "(unnamed)" : pool);
    }

    void endWait(Object token, @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null
                || !(token instanceof Frame frame)
                || frame.kind != Frame.Kind.WAIT
                || !thread.popTo(frame)) {
            return;
        }
        Summary summary = frame.summary;
        ConnectionWait event = frame.wait;
        if (summary == null || event == null) {
            return;
        }
        event.end();
        Done done = frames.closeNested(thread, frame, Part.POOL, thrown);
        thread.stripe = summary.add(done, thread.stripe);
        if (event.shouldCommit() && shedding.emits() && waitEvents.take(done)) {
            event.pool = summary.name;
            commit(event, frame.id, Frames.parentId(thread.top()), thread.live(), done, thrown);
        }
    }

    List<Summary> statements() {
        return statements.all();
    }

    List<Summary> pools() {
        return pools.all();
    }

    /** The next statements and waits become events again; the sampler's. */
    void refill() {
        statementEvents.refill();
        waitEvents.refill();
    }

    /** Holds nothing of the application any more. */
    void forget() {
        prepared.clear();
        batches.clear();
        texts.clear();
    }
}
