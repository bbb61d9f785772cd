package dev.pitot.web.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.access.Access;
import dev.pitot.web.ingest.Ingest;
import dev.pitot.web.ingest.Reply;
import dev.pitot.web.live.Json;
import dev.pitot.web.live.Live;
import dev.pitot.web.metrics.Metrics;
import dev.pitot.web.peers.Peers;
import dev.pitot.web.store.CompareQueries;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.EventSearch;
import dev.pitot.web.store.Queries;
import dev.pitot.web.store.RangeQueries;
import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.Cookie;
import io.javalin.http.Handler;
import io.javalin.http.HttpResponseException;
import io.javalin.http.MethodNotAllowedResponse;
import io.javalin.http.SameSite;
import io.javalin.security.RouteRole;
import io.javalin.util.JavalinException;
import java.io.IOException;
import java.io.InputStream;
import java.net.BindException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP side of the collector, {@code docs/spec/api.md} and {@code docs/spec/wire.md}. Handlers run on virtual threads where
 * the JVM has them, else on Jetty's pool.
 */
public final class HttpServer implements AutoCloseable {
    /** The session cookie's name up to the port: cookies know no ports, and two collectors may share a host. */
    static final String COOKIE_PREFIX = "pitot_session_";

    private static final int MOST_INGEST_BYTES = 8 << 20;
    private static final int MOST_LOGIN_BYTES = 4096;
    private static final long SESSION_CHECK_SECONDS = 60;
    private static final long POSTS_END_MILLIS = 5_000;
    private static final String SEGMENT = "application/vnd.pitot.segment";
    private static final Pattern PLAIN_IN_SHELL = Pattern.compile("[A-Za-z0-9_@%+=:,./-]+");
    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

    private enum Role implements RouteRole {
        ANYBODY,
        AGENT,
        VIEWER,
        ADMIN,
        /** Another collector on the same database, which only reads. */
        PEER
    }

    /**
     * All that the server serves from.
     *
     * @param forQueries the connections of what people ask
     * @param metrics what scrapers are told
     * @param agentJar the agent's jar as a file
     * @param ingestToken the file that an agent reads its token from
     * @param eventPatterns as of {@code IngestSettings}
     */
    public record Parts(
            Access access,
            Live live,
            Ingest ingest,
            Queries queries,
            Database database,
            Database forQueries,
            Peers peers,
            Metrics metrics,
            Path agentJar,
            Path ingestToken,
            List<String> eventPatterns,
            String version,
            Clock clock) {}

    private final Parts parts;
    private final Assets assets;
    private final LiveSocket socket;
    private final Readiness readiness;
    private final Gate posts = new Gate();
    private final Javalin javalin;
    private final ScheduledExecutorService sessionCheck;
    private final long started;

    private HttpServer(Parts parts, Assets assets) {
        this.parts = parts;
        this.assets = assets;
        this.started = parts.clock().millis();
        this.socket = new LiveSocket(parts.live(), parts.access(), parts.peers());
        this.readiness = new Readiness(parts.database());
        this.javalin = Javalin.create(this::configure);
        this.sessionCheck = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "pitot-sessions");
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Listens.
     *
     * @param port 0 for a free one
     * @throws BindException when the port is taken or the address is not of this machine
     */
    public static HttpServer start(Parts parts, String address, int port) throws IOException {
        HttpServer server = new HttpServer(parts, new Assets());
        try {
            server.javalin.start(address, port);
        } catch (JavalinException e) {
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                if (cause instanceof BindException bind) {
                    throw bind;
                }
            }
            throw e;
        }
        server.sessionCheck.scheduleWithFixedDelay(
                server::checkSessions, SESSION_CHECK_SECONDS, SESSION_CHECK_SECONDS, TimeUnit.SECONDS);
        return server;
    }

    /** The port it listens on. */
    public int port() {
        return javalin.port();
    }

    /** Posts of agents that are not answered yet. */
    int postsBegun() {
        return posts.inside();
    }

    /** Counts open WebSockets as a use of their sessions, and closes those whose session is over; once a minute by itself. */
    void checkSessions() {
        try {
            socket.checkSessions();
        } catch (RuntimeException e) {
            LOG.error("The sessions of open pages could not be checked", e);
        }
    }

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.concurrency.useVirtualThreads = Runtime.version().feature() >= 21;
        config.http.prefer405over404 = true;
        config.http.maxRequestSize = MOST_INGEST_BYTES;
        config.jetty.modifyHttpConfiguration(HttpServer::quiet);
        config.jetty.modifyServer(HttpServer::plainErrors);
        config.jetty.modifyWebSocketServletFactory(ws -> {
            ws.setMaxTextMessageSize(LiveSocket.MOST_MESSAGE_BYTES);
            ws.setMaxBinaryMessageSize(LiveSocket.MOST_MESSAGE_BYTES);
        });

        JvmRoutes jvms = new JvmRoutes(parts.live(), parts.queries(), parts.eventPatterns(), parts.clock());

        config.routes.before(this::secure);
        config.routes.beforeMatched(this::authorize);

        get(config, "/health/live", Role.ANYBODY, ctx -> ctx.result("ok"));
        get(config, "/health/ready", Role.ANYBODY, this::ready);
        config.routes.get("/login/{code}", this::loginWithCode, Role.ANYBODY);
        config.routes.head("/login/{code}", HttpServer::onlyByGet, Role.ANYBODY);
        config.routes.post("/api/v1/login", this::login, Role.ANYBODY);
        config.routes.post("/api/v1/logout", this::logout, Role.VIEWER);

        config.routes.post("/ingest/v1", this::ingest, Role.AGENT);
        // Also those that were refused on the way, as without a token.
        config.routes.after("/ingest/v1", ctx -> parts.metrics().answered(ctx.statusCode()));

        get(config, "/metrics", Role.VIEWER, taking(this::metrics));

        PeerRoutes peers = new PeerRoutes(parts.live(), parts.peers(), parts.clock());
        config.routes.get("/api/v1/peer", taking(peers::exchange, "watched"), Role.PEER);
        get(config, "/api/v1/jvms", Role.VIEWER, taking(peers.withOthers(jvms::fleet)));
        ofOwner(config, "/api/v1/jvms/{id}", peers, taking(jvms::jvm));
        ofOwner(config, "/api/v1/jvms/{id}/metrics", peers, taking(jvms::metrics, "type", "key", "from", "to"));
        ofOwner(config, "/api/v1/jvms/{id}/endpoints", peers, taking(jvms::endpoints, "from", "to"));
        ofOwner(config, "/api/v1/jvms/{id}/statements", peers, taking(jvms::statements, "from", "to"));
        ofOwner(config, "/api/v1/jvms/{id}/calls", peers, taking(jvms::calls, "from", "to"));
        ofOwner(config, "/api/v1/jvms/{id}/pools", peers, taking(jvms::pools, "from", "to"));
        get(config, "/api/v1/jvms/{id}/sql", Role.VIEWER, taking(jvms::sql, "statement"));
        ofOwner(config, "/api/v1/jvms/{id}/logged", peers, taking(jvms::logged));
        get(
                config,
                "/api/v1/jvms/{id}/spans",
                Role.VIEWER,
                taking(jvms::spans, "type", "parent", "min", "from", "to", "limit"));
        get(config, "/api/v1/jvms/{id}/events", Role.VIEWER, taking(jvms::events, "type", "from", "to", "limit"));
        get(
                config,
                "/api/v1/events",
                Role.VIEWER,
                taking(
                        new EventRoutes(new EventSearch(parts.forQueries()), jvms::storedType, parts.clock())::events,
                        EventRoutes.PARAMETERS));
        get(config, "/api/v1/jvms/{id}/recording", Role.VIEWER, taking(jvms::recording, "from", "to"));
        get(
                config,
                "/api/v1/compare",
                Role.VIEWER,
                taking(
                        new CompareRoutes(new CompareQueries(parts.forQueries()), parts.clock())::compare,
                        "a",
                        "b",
                        "window",
                        "warmup",
                        "minChange",
                        "limit"));
        MetricRoutes metrics =
                new MetricRoutes(new RangeQueries(parts.forQueries(), parts.live(), parts.clock()), parts.clock());
        get(config, "/api/v1/metrics", Role.VIEWER, taking(metrics::list));
        get(
                config,
                "/api/v1/metrics/range",
                Role.VIEWER,
                taking(
                        metrics::range,
                        "metric",
                        "jvm",
                        "service",
                        "label",
                        "key",
                        "by",
                        "agg",
                        "from",
                        "to",
                        "points",
                        "limit"));
        get(
                config,
                "/api/v1/metrics/latest",
                Role.VIEWER,
                taking(metrics::latest, "metric", "jvm", "service", "label", "key", "limit"));
        get(
                config,
                "/api/v1/top",
                Role.VIEWER,
                taking(metrics::top, "metric", "jvm", "service", "label", "key", "by", "agg", "from", "to", "limit"));
        StorageRoutes storage = new StorageRoutes(
                parts.ingest().storage(), parts.forQueries(), parts.clock(), ctx -> caller(ctx) == Access.Caller.ADMIN);
        get(config, "/api/v1/storage", Role.VIEWER, taking(storage::storage));
        get(config, "/api/v1/settings/retention", Role.VIEWER, taking(storage::retention));
        config.routes.put("/api/v1/settings/retention", taking(storage::setRetention), Role.ADMIN);
        get(config, "/api/v1/audit", Role.VIEWER, taking(storage::audit, "before", "limit"));
        get(config, "/api/v1/pins", Role.VIEWER, taking(storage::pins));
        config.routes.post("/api/v1/pins", taking(storage::pin), Role.ADMIN);
        config.routes.delete("/api/v1/pins/{id}", taking(storage::unpin), Role.ADMIN);
        get(config, "/api/v1/agent/pitot-agent.jar", Role.VIEWER, taking(this::agentJar));
        get(config, "/api/v1/self", Role.VIEWER, taking(this::self));

        get(config, "/api/v1/live", Role.VIEWER, HttpServer::notASocket);
        config.routes.wsBeforeUpgrade("/api/v1/live", this::beforeUpgrade);
        config.routes.ws("/api/v1/live", socket::configure);

        assets.byPath().forEach((path, asset) -> get(config, path, Role.ANYBODY, ctx -> asset(ctx, asset)));

        config.routes.exception(Problem.class, this::problem);
        config.routes.exception(HttpResponseException.class, this::refused);
        config.routes.exception(SQLException.class, this::noDatabase);
        config.routes.exception(IOException.class, this::broken);
        config.routes.exception(Exception.class, this::bug);
    }

    /** HEAD is answered as GET is, without the body, to whom GET is. */
    private static void get(JavalinConfig config, String path, Role role, Handler handler) {
        config.routes.get(path, handler, role);
        config.routes.head(path, handler, role);
    }

    /** What memory has a part in is answered by the collector that the JVM posts to; another collector is answered from here. */
    private static void ofOwner(JavalinConfig config, String path, PeerRoutes peers, Handler here) {
        Handler handler = peers.fromOwner(here);
        config.routes.get(path, handler, Role.VIEWER, Role.PEER);
        config.routes.head(path, handler, Role.VIEWER, Role.PEER);
    }

    /** Refuses parameters that the handler does not know: one that is mistyped would silently ask for something else. */
    private static Handler taking(Handler handler, String... parameters) {
        List<String> names = List.of(parameters);
        return ctx -> {
            Parameters.only(ctx, names);
            handler.handle(ctx);
        };
    }

    private static void quiet(HttpConfiguration http) {
        http.setSendServerVersion(false);
        http.setSendXPoweredBy(false);
        http.setRequestHeaderSize(16 * 1024);
    }

    /** Requests that Jetty refuses before any route, such as malformed ones. */
    private static void plainErrors(Server server) {
        server.setErrorHandler((Request request, Response response, Callback callback) -> {
            int status = response.getStatus();
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
            response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
            String sentence = status == 400
                    ? "The request is malformed."
                    : status == 414 || status == 431
                            ? "The request's address or headers are too long."
                            : "The request was refused with status " + status + ".";
            Content.Sink.write(response, true, Json.text(Map.of("error", sentence)), callback);
            return true;
        });
    }

    private void secure(Context ctx) {
        ctx.header(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
                        + "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
        ctx.header("X-Content-Type-Options", "nosniff");
        ctx.header("X-Frame-Options", "DENY");
        ctx.header("Referrer-Policy", "no-referrer");
        ctx.header("Cross-Origin-Resource-Policy", "same-origin");
        ctx.header("Cache-Control", "no-store");
    }

    private void authorize(Context ctx) {
        boolean isPeer = parts.peers().isPeer(ctx.header("Authorization"));
        ctx.attribute(PeerRoutes.BY_PEER, isPeer);
        if (ctx.routeRoles().contains(Role.PEER)) {
            if (isPeer) {
                return;
            }
            if (!ctx.routeRoles().contains(Role.VIEWER)) {
                throw Problem.forbidden("Only other collectors on the same database ask for this.");
            }
        }
        // Each route names one; one that names none is for those who may see everything else.
        Role role = Role.VIEWER;
        for (RouteRole named : ctx.routeRoles()) {
            role = named == Role.PEER ? role : (Role) named;
        }
        require(ctx, role);
        if (role == Role.ADMIN) {
            // The cookie is sent by a page of this site only, but a site may have more than one server.
            requireOwnOrigin(ctx);
        }
    }

    private void require(Context ctx, Role role) {
        if (role == Role.ANYBODY) {
            return;
        }
        Access.Caller caller = caller(ctx);
        if (caller == Access.Caller.NOBODY) {
            throw Problem.unauthorized(
                    role == Role.AGENT
                            ? "The ingest token is missing or wrong; it is in ingest.token in the collector's data folder."
                            : "The view token is missing or wrong; it is in view.token in the collector's data folder.");
        }
        if (role == Role.AGENT && caller != Access.Caller.AGENT) {
            throw Problem.forbidden("The view token writes nothing; give the agent the ingest token.");
        }
        if (role != Role.AGENT && !caller.reads()) {
            throw Problem.forbidden("The ingest token reads nothing; use the view token.");
        }
        if (role == Role.ADMIN && caller != Access.Caller.ADMIN) {
            throw Problem.forbidden(
                    "Only an admin changes this: log in by the link that the collector prints at its start,"
                            + " or with the admin token, which is in admin.token in its data folder.");
        }
    }

    private Access.Caller caller(Context ctx) {
        return parts.access().caller(ctx.header("Authorization"), ctx.cookie(cookieName(ctx)));
    }

    private Access.@Nullable Session shownSession(Context ctx) {
        return parts.access().session(ctx.header("Authorization"), ctx.cookie(cookieName(ctx)));
    }

    private static String cookieName(Context ctx) {
        return COOKIE_PREFIX + ctx.req().getLocalPort();
    }

    // ---- agents ------------------------------------------------------------------------------------------------

    private void ingest(Context ctx) throws IOException {
        if (!hasType(ctx, SEGMENT)) {
            throw Problem.unsupported("The content type must be " + SEGMENT + ".");
        }
        long announced = ctx.req().getContentLengthLong();
        if (!posts.enter()) {
            throw Problem.unavailable("The collector stops; try again.");
        }
        try {
            answer(
                    ctx,
                    parts.ingest()
                            .handle(
                                    announced < 0 ? MOST_INGEST_BYTES : Math.min(announced, MOST_INGEST_BYTES),
                                    () -> body(ctx, MOST_INGEST_BYTES)));
        } finally {
            posts.leave();
        }
    }

    private static void answer(Context ctx, Reply reply) throws IOException {
        if (reply.retryAfterSeconds() > 0) {
            ctx.header("Retry-After", Integer.toString(reply.retryAfterSeconds()));
        }
        byte[] text = reply.text().getBytes(StandardCharsets.UTF_8);
        ctx.status(reply.status()).contentType("text/plain; charset=utf-8");
        ctx.res().setContentLength(text.length);
        // Now, and not when the handlers are done: a collector that stops waits for no more than this.
        ctx.res().getOutputStream().write(text);
        ctx.res().flushBuffer();
    }

    /** Whatever its parameters are. */
    static boolean hasType(Context ctx, String wanted) {
        String type = ctx.contentType();
        return type != null && type.split(";", 2)[0].strip().equalsIgnoreCase(wanted);
    }

    static byte[] body(Context ctx, int most) throws IOException {
        long announced = ctx.req().getContentLengthLong();
        if (announced <= most) {
            byte[] bytes;
            try (InputStream in = ctx.req().getInputStream()) {
                bytes = in.readNBytes(most + 1);
            } catch (IOException cutOff) {
                // The sender went away or fell silent: its affair, not a failure of the collector.
                LOG.debug("the body of {} did not arrive", ctx.path(), cutOff);
                throw Problem.badRequest("The body did not arrive completely.");
            }
            if (bytes.length <= most) {
                return bytes;
            }
        }
        throw Problem.tooLarge("The body is larger than " + most + " bytes.");
    }

    private void agentJar(Context ctx) throws IOException {
        ctx.disableCompression();
        ctx.contentType("application/java-archive");
        ctx.header("Content-Disposition", "attachment; filename=\"pitot-agent.jar\"");
        ctx.res().setContentLengthLong(Files.size(parts.agentJar()));
        ctx.result(Files.newInputStream(parts.agentJar()));
    }

    /**
     * The flag that lets a JVM of this machine report here, as one argument of its command; a shell needs it {@link #quoted}.
     *
     * @param address of the collector, as the agent reaches it
     */
    public static String agentFlag(String address, Path agentJar, Path ingestToken, String service) {
        return "-javaagent:" + agentJar + "=collector=" + argument(address) + ",token-file="
                + argument(ingestToken.toString()) + ",service=" + argument(service);
    }

    /** An argument as a POSIX shell takes it: unchanged where it has no special characters, else in single quotes. */
    public static String quoted(String argument) {
        return PLAIN_IN_SHELL.matcher(argument).matches() ? argument : "'" + argument.replace("'", "'\\''") + "'";
    }

    /** As {@code docs/spec/configuration.md} says of agent arguments. */
    private static String argument(String value) {
        return value.replace("\\", "\\\\").replace(",", "\\,");
    }

    // ---- people ------------------------------------------------------------------------------------------------

    private void loginWithCode(Context ctx) {
        Access.Login login = parts.access().loginWithCode(ctx.pathParam("code"));
        if (login instanceof Access.Login.Granted granted) {
            ctx.cookie(cookie(ctx, granted.session()));
            ctx.redirect("/");
            return;
        }
        int status = login instanceof Access.Login.TooMany ? 429 : 401;
        if (login instanceof Access.Login.TooMany tooMany) {
            ctx.header("Retry-After", Integer.toString(tooMany.retryAfterSeconds()));
        }
        Assets.Asset page = assets.at("/login.html");
        page = page == null ? assets.at("/index.html") : page;
        ctx.status(status);
        if (page == null) {
            ctx.result("This link was used already, or is older than ten minutes; log in with the view token.");
        } else {
            ctx.contentType(page.type()).result(page.bytes());
        }
    }

    /** Asking whether a link would work must not use it up. */
    private static void onlyByGet(Context ctx) {
        throw new MethodNotAllowedResponse();
    }

    private void login(Context ctx) throws IOException {
        // A form or script of another site can post here, though not as JSON without asking first.
        requireOwnOrigin(ctx);
        if (!hasType(ctx, "application/json")) {
            throw Problem.unsupported("The content type must be application/json.");
        }
        String token;
        try {
            JsonNode body = Json.MAPPER.readTree(body(ctx, MOST_LOGIN_BYTES));
            token = body.path("token").isTextual() ? body.path("token").asText() : null;
        } catch (JsonProcessingException notJson) {
            token = null;
        }
        if (token == null) {
            throw Problem.badRequest("The body must be {\"token\": \"<view or admin token>\"}.");
        }
        Access.Login login = parts.access().loginWithToken(token);
        if (login instanceof Access.Login.Granted granted) {
            ctx.cookie(cookie(ctx, granted.session())).status(204);
        } else if (login instanceof Access.Login.TooMany tooMany) {
            throw Problem.tooMany(
                    "Too many wrong tokens; try again in " + tooMany.retryAfterSeconds() + " s.",
                    tooMany.retryAfterSeconds());
        } else {
            throw Problem.unauthorized(
                    "That is neither the view nor the admin token; they are in view.token and admin.token in the collector's data folder.");
        }
    }

    private void logout(Context ctx) {
        Access.Session session = shownSession(ctx);
        Cookie gone = cookie(ctx, "");
        gone.setMaxAge(0);
        ctx.cookie(gone).status(204);
        if (session == null) {
            return;
        }
        try {
            parts.access().logout(session);
        } catch (IOException e) {
            throw Problem.unavailable(String.valueOf(e.getMessage()));
        } finally {
            socket.end(session);
        }
    }

    /** No {@code Secure}: the collector itself speaks plain HTTP, on the loopback. */
    private static Cookie cookie(Context ctx, String value) {
        return new Cookie(cookieName(ctx), value, "/", -1, false, true, null, SameSite.STRICT);
    }

    /** A probe shows no token: it gets the status, and whoever may see more gets the details. */
    private void ready(Context ctx) {
        boolean stopping = posts.closed();
        boolean database = !stopping && readiness.database();
        ctx.status(database ? 200 : 503);
        if (caller(ctx).reads()) {
            Map<String, Object> detail = new LinkedHashMap<>();
            detail.put("database", database);
            detail.put("stopping", stopping);
            String disk = parts.ingest().storage().disk().sentence();
            if (disk != null) {
                detail.put("disk", disk);
            }
            JvmRoutes.send(ctx, detail);
        } else {
            ctx.result(database ? "ready" : "not ready");
        }
    }

    private void metrics(Context ctx) throws IOException {
        Metrics.Page page = parts.metrics().page(ctx.header("Accept"), readiness.database());
        ctx.contentType(page.contentType()).result(page.bytes());
    }

    private void self(Context ctx) {
        JvmRoutes.send(
                ctx,
                new Self(
                        parts.version(),
                        started,
                        quoted(agentFlag(
                                ctx.scheme() + "://" + ctx.host(),
                                parts.agentJar(),
                                parts.ingestToken(),
                                "my-service")),
                        Map.of("answers", parts.database().answers()),
                        parts.ingest().stats(),
                        parts.live().viewers()));
    }

    private record Self(
            String version, long started, String flag, Map<String, Object> database, Object ingest, int viewers) {}

    private static void asset(Context ctx, Assets.Asset asset) {
        // "no-cache" keeps a copy and asks whether it is still good: a new collector is seen at once.
        ctx.header("Cache-Control", "no-cache").header("ETag", asset.etag());
        String known = ctx.header("If-None-Match");
        if (known != null && known.contains(asset.etag())) {
            ctx.status(304);
        } else {
            ctx.contentType(asset.type()).result(asset.bytes());
        }
    }

    // ---- WebSocket ---------------------------------------------------------------------------------------------

    private static void notASocket(Context ctx) {
        throw Problem.badRequest("This address is a WebSocket; connect with ws:// or wss://.");
    }

    private void beforeUpgrade(Context ctx) {
        if (parts.peers().isPeer(ctx.header("Authorization"))) {
            ctx.attribute(PeerRoutes.BY_PEER, true);
            return;
        }
        require(ctx, Role.VIEWER);
        requireOwnOrigin(ctx);
        ctx.attribute(LiveSocket.SESSION, shownSession(ctx));
    }

    private static void requireOwnOrigin(Context ctx) {
        String origin = ctx.header("Origin");
        if (origin != null && !sameAuthority(origin, ctx.host())) {
            throw Problem.forbidden("Pages of " + Parameters.quoted(origin) + " may not connect here.");
        }
    }

    /** The scheme may differ: a proxy in front may speak TLS. */
    private static boolean sameAuthority(String origin, @Nullable String host) {
        try {
            String authority = URI.create(origin).getRawAuthority();
            return authority != null && authority.equalsIgnoreCase(host);
        } catch (IllegalArgumentException noAddress) {
            return false;
        }
    }

    // ---- what goes wrong ---------------------------------------------------------------------------------------

    private void problem(Problem problem, Context ctx) {
        answer(ctx, problem.status(), problem.sentence());
        if (problem.retryAfterSeconds() > 0) {
            ctx.header("Retry-After", Integer.toString(problem.retryAfterSeconds()));
        }
        if (problem.status() == 401) {
            ctx.header("WWW-Authenticate", "Bearer");
        }
    }

    /** What Javalin refuses: no such route, wrong method, too large. */
    private void refused(HttpResponseException e, Context ctx) {
        String sentence =
                switch (e.getStatus()) {
                    case 404 -> "There is nothing at " + Parameters.quoted(ctx.path()) + ".";
                    case 405 -> ctx.method().name() + " is not possible at " + Parameters.quoted(ctx.path()) + ".";
                    case 413 -> "The body is too large.";
                    default -> "The request was refused with status " + e.getStatus() + ".";
                };
        answer(ctx, e.getStatus(), sentence);
    }

    private void noDatabase(SQLException e, Context ctx) {
        if (e instanceof Database.BusyException) {
            problem(
                    Problem.unavailable(
                            "More is asked than the collector can answer at a time; try again in some seconds."),
                    ctx);
            return;
        }
        if (Database.isTooSlow(e)) {
            LOG.info("{} took too long: {}", ctx.path(), e.getMessage());
            problem(
                    Problem.unavailable(
                            "The database took longer than 15 s for the answer; ask for a shorter time, or try again when it has less to do."),
                    ctx);
            return;
        }
        LOG.warn("The database did not answer {}: {}", ctx.path(), e.getMessage());
        problem(Problem.unavailable("The database does not answer just now; try again in some seconds."), ctx);
    }

    private void broken(IOException e, Context ctx) {
        if (ctx.res().isCommitted()) {
            // The client went away, or bytes were dropped meanwhile. The length was announced: Jetty cuts the
            // connection.
            LOG.debug("{} was cut off", ctx.path(), e);
        } else {
            bug(e, ctx);
        }
    }

    private void bug(Exception e, Context ctx) {
        LOG.error("{} {} failed", ctx.method().name(), ctx.path(), e);
        answer(ctx, 500, "The collector failed; the reason is on its console.");
    }

    private static void answer(Context ctx, int status, String sentence) {
        if (ctx.res().isCommitted()) {
            return;
        }
        ctx.status(status);
        if (ctx.path().equals("/ingest/v1")) {
            ctx.contentType("text/plain; charset=utf-8").result("wire=1\nmessage=" + escaped(sentence) + "\n");
        } else {
            ctx.contentType("application/json")
                    .result(Json.text(Map.of("error", sentence)).getBytes(StandardCharsets.UTF_8));
        }
    }

    /** As {@code docs/spec/wire.md} says. */
    private static String escaped(String value) {
        return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A");
    }

    /** Is not ready any more, takes no more posts, lets those end that were begun (5 s at most), and then ends all others. */
    @Override
    public void close() {
        posts.close(POSTS_END_MILLIS);
        sessionCheck.shutdownNow();
        javalin.stop();
    }
}
