package dev.pitot.web.store;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What became of a {@link Submission}; all of it is committed.
 *
 * @param known the JVM has said hello, now or before
 * @param outcome what became of its segment
 * @param refusal for {@link Outcome#MALFORMED}: why, as a sentence
 * @param durable durable offset of the segment's chunk and of each chunk it listed; 0 for one that is not known
 * @param ended chunks that got their last byte, or never will, by this post
 * @param last whether the JVM has ended; null when the post has no say, as it was refused or a newer one was heard before
 * @param gaps chunks of this JVM that are truncated or missing, oldest first, when this post changed them; else null
 */
public record Stored(
        boolean known,
        Outcome outcome,
        @Nullable String refusal,
        Map<Chunk, Long> durable,
        List<Long> ended,
        @Nullable Boolean last,
        @Nullable List<Long> gaps) {
    /** The same, with the gaps of its JVM. */
    Stored withGaps(List<Long> found) {
        return new Stored(known, outcome, refusal, durable, ended, last, found);
    }

    /** What became of a segment. */
    public enum Outcome {
        /** The post had none. */
        NONE,
        /** It is durable. */
        TAKEN,
        /** It does not start at the durable offset; nothing was changed. */
        CONFLICT,
        /** Its header contradicts what the chunk's earlier ones said; nothing was changed. */
        MALFORMED
    }
}
