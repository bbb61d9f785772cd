package dev.pitot.web.ingest;

import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.JfrFormatException;
import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.store.Chunk;
import dev.pitot.web.store.Segment;
import dev.pitot.web.store.Submission;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * One post, checked: {@code docs/spec/wire.md}. Everything in it is bounded, whatever the body holds.
 *
 * @param sentNanos the JVM's clock, nanoseconds since the epoch
 */
record WireRequest(
        UUID jvm,
        long sentNanos,
        @Nullable JvmInfo hello,
        @Nullable Segment segment,
        @Nullable List<Submission.Held> have,
        List<Submission.Lost> lost,
        boolean ended) {
    static final int LONGEST_PREAMBLE = 64 << 10;
    static final int LONGEST_SEGMENT = 4 << 20;
    /** zlib makes at most 5 bytes per 16 KB and 6 more of what it cannot compress; the rest is leeway. */
    static final int LONGEST_BODY = LONGEST_PREAMBLE + LONGEST_SEGMENT + (LONGEST_SEGMENT >> 8) + 1024;

    private static final int LONGEST_TEXT = 512;
    private static final int MOST_LABELS = 16;
    private static final int MOST_CHUNKS = 1024;
    private static final Pattern NUMBER = Pattern.compile("0|[1-9][0-9]{0,18}");
    private static final Pattern UUID_TEXT = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    static WireRequest parse(byte[] body) throws BadRequest {
        if (body.length > LONGEST_BODY) {
            throw new BadRequest(413, "The body has " + body.length + " bytes; the limit is " + LONGEST_BODY + ".");
        }
        int end = endOfPreamble(body);
        Map<String, String> lines = lines(body, end);
        String wire = required(lines, "wire");
        if (!wire.equals("1")) {
            throw new BadRequest(415, "This collector speaks wire version 1, not " + shown(wire) + ".");
        }
        UUID jvm = uuid(required(lines, "jvm"));
        long sent = number("sent", required(lines, "sent"));
        boolean ended = flag(lines, "ended");
        JvmInfo hello = lines.containsKey("hello.service") ? hello(jvm, lines) : null;
        List<Submission.Held> have = lines.containsKey("have") ? have(lines.getOrDefault("have", "")) : null;
        List<Submission.Lost> lost = lost(lines.getOrDefault("lost", ""));
        Segment segment = null;
        if (lines.containsKey("chunk")) {
            segment = segment(lines, body, end);
        } else if (end != body.length) {
            throw new BadRequest(
                    400, "The body has " + (body.length - end) + " bytes after the preamble, which names no chunk.");
        }
        return new WireRequest(jvm, sent, hello, segment, have, lost, ended);
    }

    /** Where the bytes after the empty line start. */
    private static int endOfPreamble(byte[] body) throws BadRequest {
        boolean lineStart = true;
        for (int i = 0; i < Math.min(body.length, LONGEST_PREAMBLE); i++) {
            if (body[i] != '\n') {
                lineStart = false;
            } else if (lineStart) {
                return i + 1;
            } else {
                lineStart = true;
            }
        }
        throw body.length > LONGEST_PREAMBLE
                ? new BadRequest(413, "The preamble is longer than " + LONGEST_PREAMBLE + " bytes.")
                : new BadRequest(400, "The preamble does not end with an empty line.");
    }

    private static Map<String, String> lines(byte[] body, int end) throws BadRequest {
        String preamble;
        try {
            preamble = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(body, 0, end))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new BadRequest(400, "The preamble is not UTF-8.");
        }
        Map<String, String> lines = new LinkedHashMap<>();
        for (int at = 0; at < preamble.length(); ) {
            int lineEnd = preamble.indexOf('\n', at);
            if (lineEnd > at) {
                int equals = preamble.indexOf('=', at);
                if (equals <= at || equals > lineEnd) {
                    throw new BadRequest(
                            400,
                            "The line " + shown(preamble.substring(at, lineEnd)) + " is not of the form key=value.");
                }
                String key = preamble.substring(at, equals);
                if (lines.put(key, decoded(key, preamble.substring(equals + 1, lineEnd))) != null) {
                    throw new BadRequest(400, "The key " + shown(key) + " stands twice in the preamble.");
                }
            }
            at = lineEnd + 1;
        }
        return lines;
    }

    private static String decoded(String key, String value) throws BadRequest {
        if (value.indexOf('\r') >= 0) {
            throw new BadRequest(400, "The value of " + shown(key) + " holds a carriage return; write it as %0D.");
        }
        int at = value.indexOf('%');
        if (at < 0) {
            return value;
        }
        StringBuilder out = new StringBuilder(value.length());
        int from = 0;
        for (; at >= 0; at = value.indexOf('%', from)) {
            out.append(value, from, at);
            String code = value.length() < at + 3 ? "" : value.substring(at + 1, at + 3);
            switch (code) {
                case "25" -> out.append('%');
                case "0D" -> out.append('\r');
                case "0A" -> out.append('\n');
                default ->
                    throw new BadRequest(
                            400, "The value of " + shown(key) + " holds a % that is none of %25, %0D and %0A.");
            }
            from = at + 3;
        }
        return out.append(value, from, value.length()).toString();
    }

    private static JvmInfo hello(UUID jvm, Map<String, String> lines) throws BadRequest {
        Map<String, String> labels = new LinkedHashMap<>();
        for (Map.Entry<String, String> line : lines.entrySet()) {
            if (line.getKey().startsWith("hello.label.") && labels.size() < MOST_LABELS) {
                labels.put(text(line.getKey().substring("hello.label.".length())), text(line.getValue()));
            }
        }
        return new JvmInfo(
                jvm,
                text(required(lines, "hello.service")),
                text(lines.getOrDefault("hello.host", "")),
                number("hello.pid", lines.getOrDefault("hello.pid", "0")),
                Math.min(number("hello.started", lines.getOrDefault("hello.started", "0")), LATEST_MILLIS),
                text(lines.getOrDefault("hello.agent", "")),
                text(lines.getOrDefault("hello.java", "")),
                text(lines.getOrDefault("hello.jvm", "")),
                Map.copyOf(labels));
    }

    /** The year 9999: what PostgreSQL and people can still read. */
    private static final long LATEST_MILLIS = 253_402_300_799_000L;

    /** What PostgreSQL takes as text, at a bounded length. */
    private static String text(String value) {
        String cut = value.length() <= LONGEST_TEXT ? value : value.substring(0, LONGEST_TEXT);
        StringBuilder out = new StringBuilder(cut.length());
        cut.codePoints().forEach(c -> out.appendCodePoint(c == 0 || c >= 0xd800 && c <= 0xdfff ? 0xfffd : c));
        return out.toString();
    }

    private static List<Submission.Held> have(String value) throws BadRequest {
        List<Submission.Held> chunks = new ArrayList<>();
        for (String[] parts : triples("have", value)) {
            if (!parts[2].equals("open") && !parts[2].equals("final")) {
                throw new BadRequest(400, "In have, the state " + shown(parts[2]) + " is neither open nor final.");
            }
            chunks.add(new Submission.Held(chunk(parts[0]), number("have", parts[1]), parts[2].equals("final")));
        }
        return List.copyOf(chunks);
    }

    private static List<Submission.Lost> lost(String value) throws BadRequest {
        List<Submission.Lost> parts = new ArrayList<>();
        for (String[] part : triples("lost", value)) {
            parts.add(new Submission.Lost(
                    chunk(part[0]), number("lost", part[1]), part[2].isEmpty() ? -1 : number("lost", part[2])));
        }
        return List.copyOf(parts);
    }

    private static List<String[]> triples(String key, String value) throws BadRequest {
        List<String[]> triples = new ArrayList<>();
        if (value.isEmpty()) {
            return triples;
        }
        for (String entry : value.split(",", -1)) {
            String[] parts = entry.split(":", -1);
            if (parts.length != 3) {
                throw new BadRequest(
                        400, "In " + key + ", " + shown(entry) + " has not three parts separated by colons.");
            }
            if (triples.size() == MOST_CHUNKS) {
                throw new BadRequest(400, "There are more than " + MOST_CHUNKS + " chunks in " + key + ".");
            }
            triples.add(parts);
        }
        return triples;
    }

    private static Segment segment(Map<String, String> lines, byte[] body, int start) throws BadRequest {
        Chunk chunk = chunk(required(lines, "chunk"));
        long offset = number("offset", required(lines, "offset"));
        long length = number("length", required(lines, "length"));
        if (length > LONGEST_SEGMENT) {
            throw new BadRequest(413, "The segment has " + length + " bytes; the limit is " + LONGEST_SEGMENT + ".");
        }
        String state = required(lines, "state");
        boolean last = state.equals("final");
        if (!last && !state.equals("open")) {
            throw new BadRequest(400, "The state " + shown(state) + " is neither open nor final.");
        }
        if (length == 0 && !last) {
            throw new BadRequest(400, "A segment of no bytes makes sense for a final chunk only.");
        }
        byte[] header = header(required(lines, "header"), chunk, offset, length);
        byte[] zlib = Arrays.copyOfRange(body, start, body.length);
        byte[] raw = inflate(zlib, (int) length);
        if (offset == 0) {
            checkFirstBytes(raw, header);
        }
        return new Segment(chunk, offset, header, last, zlib, raw);
    }

    private static byte[] header(String base64, Chunk chunk, long offset, long length) throws BadRequest {
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new BadRequest(400, "The header is not base64.");
        }
        if (bytes.length != ChunkHeader.SIZE) {
            throw new BadRequest(400, "The header has " + bytes.length + " bytes, not " + ChunkHeader.SIZE + ".");
        }
        try {
            ChunkHeader header = ChunkHeader.parse(bytes);
            if (header.startNanos() != chunk.startNanos() || header.startTicks() != chunk.startTicks()) {
                throw new BadRequest(
                        400,
                        "The header is of chunk " + header.startNanos() + "." + header.startTicks()
                                + ", the segment of chunk " + chunk + ".");
            }
            if (header.chunkSize() - length < offset) {
                throw new BadRequest(
                        400,
                        "The segment ends at " + offset + " + " + length + ", after the boundary " + header.chunkSize()
                                + " of its header.");
            }
            if (length == 0 && header.chunkSize() != offset) {
                throw new BadRequest(
                        400,
                        "A segment of no bytes ends a chunk, but its offset " + offset + " is not the boundary "
                                + header.chunkSize() + " of its header.");
            }
            if (header.state() == 255) {
                throw new BadRequest(400, "The header was taken while the JVM was writing it (state 255).");
            }
            return bytes;
        } catch (JfrFormatException e) {
            throw new BadRequest(400, "The header cannot be read: " + e.getMessage() + ".");
        }
    }

    private static void checkFirstBytes(byte[] raw, byte[] header) throws BadRequest {
        if (raw.length < ChunkHeader.SIZE
                || !Arrays.equals(raw, 0, 8, header, 0, 8)
                || !Arrays.equals(raw, 32, 40, header, 32, 40)
                || !Arrays.equals(raw, 48, 64, header, 48, 64)) {
            throw new BadRequest(400, "The first bytes of the chunk are not the header of that chunk.");
        }
    }

    static byte[] inflate(byte[] zlib, int length) throws BadRequest {
        // The length is the sender's word: memory grows with what really comes out.
        byte[] out = new byte[(int) Math.min(length, Math.max(1024, zlib.length * 8L))];
        int at = 0;
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(zlib);
            while (at < length) {
                if (at == out.length) {
                    out = Arrays.copyOf(out, (int) Math.min(length, at * 2L));
                }
                int n = inflater.inflate(out, at, out.length - at);
                if (n == 0 && (inflater.finished() || inflater.needsInput() || inflater.needsDictionary())) {
                    throw new BadRequest(400, "The segment holds " + at + " bytes, its length says " + length + ".");
                }
                at += n;
            }
            if (!inflater.finished() && inflater.inflate(new byte[1]) != 0) {
                throw new BadRequest(400, "The segment holds more bytes than its length says, " + length + ".");
            }
            if (!inflater.finished() || inflater.getRemaining() != 0) {
                throw new BadRequest(400, "The zlib stream of the segment does not end where the body ends.");
            }
            return at == out.length ? out : Arrays.copyOf(out, at);
        } catch (DataFormatException e) {
            throw new BadRequest(400, "The segment is not a zlib stream.");
        } finally {
            inflater.end();
        }
    }

    private static Chunk chunk(String name) throws BadRequest {
        int dot = name.indexOf('.');
        if (dot < 0) {
            throw new BadRequest(400, "The chunk name " + shown(name) + " is not of the form startNanos.startTicks.");
        }
        return new Chunk(number("chunk", name.substring(0, dot)), number("chunk", name.substring(dot + 1)));
    }

    private static String required(Map<String, String> lines, String key) throws BadRequest {
        String value = lines.get(key);
        if (value == null) {
            throw new BadRequest(400, "The preamble has no line " + key + "=.");
        }
        return value;
    }

    private static UUID uuid(String value) throws BadRequest {
        if (!UUID_TEXT.matcher(value).matches()) {
            throw new BadRequest(400, "The instance " + shown(value) + " is not a UUID in lower case.");
        }
        return UUID.fromString(value);
    }

    private static boolean flag(Map<String, String> lines, String key) throws BadRequest {
        String value = lines.getOrDefault(key, "false");
        if (!value.equals("true") && !value.equals("false")) {
            throw new BadRequest(400, "The value of " + key + " is neither true nor false.");
        }
        return value.equals("true");
    }

    private static long number(String key, String value) throws BadRequest {
        try {
            if (NUMBER.matcher(value).matches()) {
                return Long.parseLong(value);
            }
        } catch (NumberFormatException tooLarge) {
            // Nineteen digits may still be too many; said below.
        }
        throw new BadRequest(
                400, "The value " + shown(value) + " of " + key + " is not a whole number from 0 to 2^63-1.");
    }

    /** A value in a sentence: short and printable. */
    private static String shown(String value) {
        String cut = value.length() <= 40 ? value : value.substring(0, 40) + "...";
        return "'" + cut.replaceAll("[^\\x20-\\x7e]", "?") + "'";
    }
}
