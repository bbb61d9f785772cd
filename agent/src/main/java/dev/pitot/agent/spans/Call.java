package dev.pitot.agent.spans;

import dev.pitot.events.HttpCall;
import org.jspecify.annotations.Nullable;

/**
 * One HTTP call to another server; made for each, as its answer may come on any thread, also before the method that makes the call has
 * returned. Holds nothing of the application.
 */
final class Call {
    final HttpCall event = new HttpCall();
    final Summary summary;
    final @Nullable Span request;
    final long id;
    final @Nullable String parentId;
    /** Clock at the mark that its first thread made. */
    long begun;

    boolean async;
    int status;

    @Nullable
    String error;

    private boolean completed;
    private long completedAt;
    private boolean ended;
    /** What making the call took so far, kept for its end. */
    private @Nullable Done made;

    Call(Summary summary, @Nullable Span request, long id, @Nullable String parentId) {
        this.summary = summary;
        this.request = request;
        this.id = id;
        this.parentId = parentId;
    }

    synchronized boolean hasEnded() {
        return completed;
    }

    /**
     * The method that makes the call, or a part of it, has returned.
     *
     * @param done what it took; of a call that has ended, made into what that took
     * @return whether the call has ended with it
     */
    synchronized boolean returned(boolean goesOn, int itsStatus, Done done, @Nullable Throwable thrown) {
        if (ended) {
            return false;
        }
        Done before = made;
        if (before != null) {
            done.add(before);
        }
        async = goesOn;
        if (goesOn && !completed) {
            made = done.copy();
            return false;
        }
        if (!completed) {
            completed = true;
            completedAt = System.nanoTime();
            status = itsStatus;
            error = thrown == null ? null : thrown.getClass().getName();
        }
        ended = true;
        made = null;
        if (goesOn || before != null) {
            lasts(done);
        }
        return true;
    }

    /**
     * The answer has come.
     *
     * @return what the call was, or null when it has ended before or {@link #returned} is still to come
     */
    synchronized @Nullable Done completed(int itsStatus, @Nullable Throwable thrown) {
        if (completed) {
            return null;
        }
        completed = true;
        completedAt = System.nanoTime();
        event.end();
        status = itsStatus;
        error = thrown == null ? null : thrown.getClass().getName();
        Done done = made;
        made = null;
        if (done != null) {
            ended = true;
            lasts(done);
        }
        return done;
    }

    /** Between its making and its answer no thread worked on it. */
    private void lasts(Done done) {
        long duration = Math.max(done.duration, completedAt - begun);
        done.parts[Part.HANDOFF] += duration - done.duration;
        done.duration = duration;
    }
}
