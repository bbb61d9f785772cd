package dev.pitot.web.access;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Says who a request comes from. Tokens are compared by their SHA-256 in constant time. Sessions and login codes live in memory
 * (under the hash of their value) and end with the collector. Any thread; methods hold the monitor for microseconds.
 */
public final class Access {
    /** Who asks. */
    public enum Caller {
        NOBODY,
        AGENT,
        VIEWER
    }

    /** A login code works once and for this long. */
    public static final Duration CODE_LIFE = Duration.ofMinutes(10);
    /** A session that nobody uses for this long ends. */
    public static final Duration SESSION_IDLE = Duration.ofHours(12);
    /** Wrong logins that are answered within one minute; the next ones are refused unread. */
    public static final int WRONG_LOGINS_A_MINUTE = 10;

    private static final int MOST_SESSIONS = 1000;
    private static final int MOST_CODES = 100;

    private final byte[] ingestHash;
    private final byte[] viewHash;
    private final Clock clock;
    /** Hash of the session id to the time of its last use; the one used last is last. */
    private final LinkedHashMap<String, Long> sessions = new LinkedHashMap<>(16, 0.75f, true);

    private final LinkedHashMap<String, Long> codes = new LinkedHashMap<>();
    private final ArrayDeque<Long> wrongLogins = new ArrayDeque<>();

    public Access(Tokens tokens, Clock clock) {
        this.ingestHash = sha256(tokens.ingest());
        this.viewHash = sha256(tokens.view());
        this.clock = clock;
    }

    /**
     * Who shows this.
     *
     * @param authorization the header {@code Authorization}; where there is one, the session does not count
     * @param session value of the session cookie
     */
    public Caller caller(@Nullable String authorization, @Nullable String session) {
        if (authorization != null) {
            return authorization.regionMatches(true, 0, "Bearer ", 0, 7)
                    ? holder(authorization.substring(7).strip())
                    : Caller.NOBODY;
        }
        return session != null && touch(session) ? Caller.VIEWER : Caller.NOBODY;
    }

    private Caller holder(String token) {
        byte[] hash = sha256(token);
        // Both are compared whatever the first says: the time taken tells nothing.
        boolean agent = MessageDigest.isEqual(hash, ingestHash);
        boolean viewer = MessageDigest.isEqual(hash, viewHash);
        return viewer ? Caller.VIEWER : agent ? Caller.AGENT : Caller.NOBODY;
    }

    private synchronized boolean touch(String session) {
        String key = key(session);
        Long lastUse = sessions.get(key);
        long now = clock.millis();
        if (lastUse == null) {
            return false;
        }
        if (now - lastUse > SESSION_IDLE.toMillis()) {
            sessions.remove(key);
            return false;
        }
        sessions.put(key, now);
        return true;
    }

    /** What became of a login: a session, or why not. */
    public sealed interface Login {
        /** @param session value for the cookie */
        record Granted(String session) implements Login {}

        /** The token or code is wrong, used up or too old. */
        record Wrong() implements Login {}

        /** Too many wrong ones: try again after so many seconds. */
        record TooMany(int retryAfterSeconds) implements Login {}
    }

    /** Trades the view token for a session. */
    public Login loginWithToken(String token) {
        boolean right = holder(token) == Caller.VIEWER;
        return login(right);
    }

    /** Trades a one-time code for a session; the code is used up. */
    public synchronized Login loginWithCode(String code) {
        Long made = codes.remove(key(code));
        return login(made != null && clock.millis() - made <= CODE_LIFE.toMillis());
    }

    private synchronized Login login(boolean right) {
        long now = clock.millis();
        while (!wrongLogins.isEmpty() && now - wrongLogins.getFirst() >= 60_000) {
            wrongLogins.removeFirst();
        }
        if (wrongLogins.size() >= WRONG_LOGINS_A_MINUTE) {
            return new Login.TooMany(1 + (int) ((60_000 - (now - wrongLogins.getFirst())) / 1000));
        }
        if (!right) {
            wrongLogins.addLast(now);
            return new Login.Wrong();
        }
        String session = Tokens.random();
        sessions.put(key(session), now);
        dropEldest(sessions, MOST_SESSIONS);
        return new Login.Granted(session);
    }

    /** Makes a code that logs in once within {@link #CODE_LIFE}. */
    public synchronized String newLoginCode() {
        String code = Tokens.random();
        codes.put(key(code), clock.millis());
        dropEldest(codes, MOST_CODES);
        return code;
    }

    /** Ends a session, if it is one. */
    public synchronized void logout(@Nullable String session) {
        if (session != null) {
            sessions.remove(key(session));
        }
    }

    private static void dropEldest(LinkedHashMap<String, Long> map, int most) {
        while (map.size() > most) {
            Map.Entry<String, Long> eldest = map.entrySet().iterator().next();
            map.remove(eldest.getKey());
        }
    }

    private static String key(String secret) {
        return HexFormat.of().formatHex(sha256(secret));
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            // Every Java platform has SHA-256 by its specification.
            throw new IllegalStateException(impossible);
        }
    }
}
