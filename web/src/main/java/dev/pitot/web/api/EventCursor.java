package dev.pitot.web.api;

import dev.pitot.web.store.EventSearch;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.UUID;

/**
 * The place behind a page of events, as a text that a client gives back: what it says is checked, so that a forged one asks for no more
 * than any other question.
 *
 * @param question a hash of what was asked for
 * @param from the window of the first page, milliseconds since the epoch
 */
record EventCursor(int question, long from, long to, EventSearch.Position position) {
    private static final int PARTS = 11;

    String text() {
        String plain = String.join(
                " ",
                Integer.toString(question),
                Long.toString(from),
                Long.toString(to),
                position.run().name(),
                Long.toString(position.took()),
                Long.toString(position.micros()),
                position.jvm().toString(),
                Long.toString(position.chunkStart()),
                Long.toString(position.chunkOffset()),
                Long.toString(position.partFrom()),
                Long.toString(position.partTo()));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(plain.getBytes(StandardCharsets.US_ASCII));
    }

    static EventCursor of(String text) {
        try {
            String plain = new String(Base64.getUrlDecoder().decode(text), StandardCharsets.US_ASCII);
            String[] parts = plain.split(" ");
            long from = Long.parseLong(parts[1]);
            long to = Long.parseLong(parts[2]);
            EventSearch.Position position = new EventSearch.Position(
                    EventSearch.Run.valueOf(parts[3]),
                    Long.parseLong(parts[4]),
                    Long.parseLong(parts[5]),
                    UUID.fromString(parts[6]),
                    Long.parseLong(parts[7]),
                    Long.parseLong(parts[8]),
                    Long.parseLong(parts[9]),
                    Long.parseLong(parts[10]));
            boolean fast = position.run() == EventSearch.Run.FAST;
            if (parts.length == PARTS
                    && from >= 0
                    && from < to
                    && to <= Parameters.LAST_MILLIS
                    && position.took() >= 0
                    && position.partFrom() >= -1
                    && (!fast || position.partTo() < to * 1000)
                    && (position.run() != EventSearch.Run.NEWEST || position.micros() < to * 1000)) {
                return new EventCursor(Integer.parseInt(parts[0]), from, to, position);
            }
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException none) {
            // Falls through to the sentence.
        }
        throw Problem.badRequest("'after' must be the 'next' of a page before, not " + Parameters.quoted(text) + ".");
    }
}
