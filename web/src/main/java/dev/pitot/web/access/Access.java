package dev.pitot.web.access;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Says who a request comes from. Tokens are compared by their SHA-256 in constant time. Sessions and login codes are kept under
 * the hash of their value only; codes end with the collector, sessions outlive it in a file. Any thread.
 *
 * <p>Tokens and codes have 256 random bits, so nobody finds one by trying. That wrong ones are answered with "too many" keeps a
 * mistaken script from hammering; the right one is taken whatever others have tried, else anybody who reaches the port could lock
 * out its owner.
 */
public final class Access implements AutoCloseable {
    /** Who asks. */
    public enum Caller {
        NOBODY,
        AGENT,
        /** Reads. */
        VIEWER,
        /** Reads, and changes settings. */
        ADMIN;

        /** Whether it may see what was measured. */
        public boolean reads() {
            return this == VIEWER || this == ADMIN;
        }
    }

    /** A login code works once and for this long. */
    public static final Duration CODE_LIFE = Duration.ofMinutes(10);
    /** A session that nobody uses for this long ends. */
    public static final Duration SESSION_IDLE = Duration.ofHours(12);
    /** Wrong logins that are told so within one minute; the next wrong ones are told to wait. */
    public static final int WRONG_LOGINS_A_MINUTE = 10;

    private static final int MOST_CODES = 100;

    private final byte[] ingestHash;
    private final byte[] viewHash;
    private final byte[] adminHash;
    private final Clock clock;
    private final Sessions sessions;
    private final LinkedHashMap<String, Long> codes = new LinkedHashMap<>();
    private final ArrayDeque<Long> wrongLogins = new ArrayDeque<>();

    /** A session, to be remembered by what outlives the request that showed it; holds no secret. */
    public record Session(String hash) {}

    /** Sessions end with it. */
    public Access(Tokens tokens, Clock clock) {
        this(tokens, clock, null, warning -> {});
    }

    /**
     * Sessions of an earlier collector on this folder go on.
     *
     * @param folder the data folder, private already
     * @param warn gets a sentence when there are such sessions that do not count any more
     */
    public Access(Tokens tokens, Clock clock, @Nullable Path folder, Consumer<String> warn) {
        this.ingestHash = sha256(tokens.ingest());
        this.viewHash = sha256(tokens.view());
        this.adminHash = sha256(tokens.admin());
        this.clock = clock;
        // Not the hash that a login is compared with, though that would do no harm either.
        this.sessions = new Sessions(
                folder, key("sessions of " + tokens.view() + " " + tokens.admin()), clock, SESSION_IDLE, warn);
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
        if (session == null || !use(new Session(key(session)))) {
            return Caller.NOBODY;
        }
        return sessions.isAdmin(key(session)) ? Caller.ADMIN : Caller.VIEWER;
    }

    /** The session that a caller shows, whether or not it is one; null for one who shows a token or nothing. */
    public @Nullable Session session(@Nullable String authorization, @Nullable String session) {
        return authorization == null && session != null ? new Session(key(session)) : null;
    }

    /** Whether the session lasts; asking is a use, so one that is asked about does not run out. */
    public boolean use(Session session) {
        return sessions.use(session.hash());
    }

    private Caller holder(String token) {
        byte[] hash = sha256(token);
        // All are compared whatever the first says: the time taken tells nothing.
        boolean agent = MessageDigest.isEqual(hash, ingestHash);
        boolean viewer = MessageDigest.isEqual(hash, viewHash);
        boolean admin = MessageDigest.isEqual(hash, adminHash);
        return admin ? Caller.ADMIN : viewer ? Caller.VIEWER : agent ? Caller.AGENT : Caller.NOBODY;
    }

    /** What became of a login: a session, or why not. */
    public sealed interface Login {
        /** @param session value for the cookie */
        record Granted(String session) implements Login {}

        /** The token or code is wrong, used up or too old. */
        record Wrong() implements Login {}

        /** It is wrong, and so were too many others: try again after so many seconds. */
        record TooMany(int retryAfterSeconds) implements Login {}
    }

    /** Trades the view token for a session that reads, or the admin token for one that changes settings too. */
    public Login loginWithToken(String token) {
        Caller holder = holder(token);
        return login(holder.reads(), holder == Caller.ADMIN);
    }

    /** Trades a one-time code for a session of an admin, as it is told to whoever starts the collector; the code is used up. */
    public Login loginWithCode(String code) {
        Long made;
        synchronized (this) {
            made = codes.remove(key(code));
        }
        return login(made != null && clock.millis() - made <= CODE_LIFE.toMillis(), true);
    }

    private Login login(boolean right, boolean admin) {
        if (!right) {
            return wrong();
        }
        String session = Tokens.random();
        sessions.add(key(session), admin);
        return new Login.Granted(session);
    }

    private synchronized Login wrong() {
        long now = clock.millis();
        while (!wrongLogins.isEmpty() && now - wrongLogins.getFirst() >= 60_000) {
            wrongLogins.removeFirst();
        }
        if (wrongLogins.size() >= WRONG_LOGINS_A_MINUTE) {
            return new Login.TooMany(1 + (int) ((60_000 - (now - wrongLogins.getFirst())) / 1000));
        }
        wrongLogins.addLast(now);
        return new Login.Wrong();
    }

    /** Makes a code that logs in once within {@link #CODE_LIFE}. */
    public synchronized String newLoginCode() {
        String code = Tokens.random();
        codes.put(key(code), clock.millis());
        while (codes.size() > MOST_CODES) {
            codes.remove(codes.keySet().iterator().next());
        }
        return code;
    }

    /**
     * Ends a session for good, if it is one.
     *
     * @throws IOException when it has ended here, but would be there again after a restart; the message is a sentence
     */
    public void logout(Session session) throws IOException {
        sessions.remove(session.hash());
    }

    /** Writes down when each session was used last. */
    @Override
    public void close() {
        sessions.close();
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
