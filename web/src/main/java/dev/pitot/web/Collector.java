package dev.pitot.web;

import dev.pitot.web.access.Access;
import dev.pitot.web.access.Tokens;
import dev.pitot.web.api.HttpServer;
import dev.pitot.web.ingest.Ingest;
import dev.pitot.web.live.Live;
import dev.pitot.web.metrics.Metrics;
import dev.pitot.web.peers.Peers;
import dev.pitot.web.postgres.EmbeddedPostgres;
import dev.pitot.web.postgres.PostgresException;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.Queries;
import dev.pitot.web.store.Storage;
import dev.pitot.web.store.StoreException;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.UUID;
import java.util.function.Consumer;

/** A running collector: PostgreSQL, then the store, ingest, and last the HTTP side; stopped in the opposite order. */
final class Collector {
    private final Path tokens;
    private final Path agentJar;
    private final Access access;
    private final String bind;
    private final int port;

    private Collector(Path tokens, Path agentJar, Access access, String bind, int port) {
        this.tokens = tokens;
        this.agentJar = agentJar;
        this.access = access;
        this.bind = bind;
        this.port = port;
    }

    /**
     * Starts all parts.
     *
     * @param lifeline gets each part as soon as it runs
     * @param out what takes time is said here
     * @throws CommandFailure with one sentence; what was started by then is left to the lifeline
     */
    static Collector start(CollectorOptions options, Lifeline lifeline, PrintWriter out, PrintWriter err) {
        options.check();
        // A taken port is the most common mistake: say so before PostgreSQL is started for nothing.
        checkPortIsFree(options);
        DataFolder folder = DataFolder.open(options.dataFolder());
        Tokens tokens = tokens(folder, err::println);
        Path agentJar = folder.unpackAgent();
        Clock clock = Clock.systemUTC();

        Database database = lifeline.add(database(options, folder, lifeline, out));
        Live live = lifeline.add(new Live(clock));
        Database forQueries = lifeline.add(database.openForQueries());
        Queries queries = new Queries(forQueries);
        remember(queries, live);
        UUID self = UUID.randomUUID();
        Storage storage = lifeline.add(storage(options, folder, database, clock));
        Ingest ingest = lifeline.add(new Ingest(database, live, options.ingestSettings(), self, storage));
        Peers peers = lifeline.add(new Peers(database, live, self, clock, Peers.Pace.STANDARD));
        Access access = lifeline.add(new Access(tokens, clock, folder.path(), err::println));
        HttpServer http = listen(
                options,
                new HttpServer.Parts(
                        access,
                        live,
                        ingest,
                        queries,
                        database,
                        forQueries,
                        peers,
                        new Metrics(Pitot.version(), live, ingest, database, forQueries, folder.path()),
                        agentJar,
                        folder.path().resolve(Tokens.INGEST_FILE),
                        options.ingestSettings().eventPatterns(),
                        Pitot.version(),
                        clock));
        lifeline.add(http);
        peers.start(advertised(options, http.port()), Pitot.version());
        return new Collector(folder.path(), agentJar, access, options.bind, http.port());
    }

    private static void checkPortIsFree(CollectorOptions options) {
        if (options.port == 0) {
            return;
        }
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(new InetSocketAddress(options.bind, options.port));
        } catch (IOException e) {
            throw cannotListen(options, e);
        }
    }

    private static CommandFailure cannotListen(CollectorOptions options, IOException e) {
        String where = "Port " + options.port + " on " + options.bind;
        String reason = String.valueOf(e.getMessage());
        if (reason.contains("ermission denied")) {
            return CommandFailure.failed(where + " is not open to this user; choose one above 1023 with --port.", e);
        }
        if (reason.contains("annot assign")) {
            return CommandFailure.failed(
                    options.bind + " is no address of this machine; choose another one with --bind.", e);
        }
        return CommandFailure.failed(
                where + " is in use (by another collector?); stop what uses it, or choose another one with --port.", e);
    }

    private static Tokens tokens(DataFolder folder, Consumer<String> warn) {
        try {
            return Tokens.in(folder.path(), warn);
        } catch (IOException e) {
            throw CommandFailure.failed(
                    e.getClass() == IOException.class
                            ? e.getMessage()
                            : "The tokens in " + folder.path() + " cannot be read or made (" + CommandFailure.reason(e)
                                    + "); check the folder's permissions and disk space.",
                    e);
        }
    }

    private static Database database(CollectorOptions options, DataFolder folder, Lifeline lifeline, PrintWriter out) {
        DatabaseSettings settings = options.databaseSettings();
        try {
            if (settings == null) {
                EmbeddedPostgres postgres = lifeline.add(EmbeddedPostgres.start(folder.path(), out::println));
                settings = options.databaseSettings(postgres.jdbcUrl(), postgres.user(), postgres.password());
            }
            return Database.open(settings);
        } catch (PostgresException | StoreException e) {
            throw CommandFailure.failed(e.getMessage(), e);
        }
    }

    private static Storage storage(CollectorOptions options, DataFolder folder, Database database, Clock clock) {
        try {
            return new Storage(
                            database,
                            options.ingestSettings().retention(),
                            options.retentionOptions(),
                            options.diskGuard(folder.path()),
                            clock)
                    .start();
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "The disk of " + folder.path() + " cannot be looked at (" + CommandFailure.reason(e) + ").", e);
        }
    }

    /** So that the fleet list has those that are silent since before this start. */
    private static void remember(Queries queries, Live live) {
        try {
            for (JvmRow row : queries.jvms()) {
                live.remember(row.info(), row.firstSeenMillis(), row.lastSeenMillis(), row.ended());
            }
        } catch (SQLException e) {
            throw CommandFailure.failed("The database cannot be read (" + e.getMessage() + ").", e);
        }
    }

    private static HttpServer listen(CollectorOptions options, HttpServer.Parts parts) {
        try {
            return HttpServer.start(parts, options.bind, options.port);
        } catch (BindException e) {
            throw cannotListen(options, e);
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "The files of the page cannot be read (" + CommandFailure.reason(e) + "); is pitot.jar whole?", e);
        }
    }

    /** Where other collectors reach it. One that listens everywhere takes the machine's own address. */
    private static String advertised(CollectorOptions options, int port) {
        if (options.advertise != null) {
            return options.advertise;
        }
        try {
            InetAddress bound = InetAddress.getByName(options.bind);
            String host = bound.isAnyLocalAddress() ? InetAddress.getLocalHost().getHostAddress() : options.bind;
            return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
        } catch (UnknownHostException nameless) {
            // Of no use to others on other machines; they say so when they cannot reach it.
            return "http://127.0.0.1:" + port;
        }
    }

    /** Where it listens, for this machine. */
    String address() {
        String host = bind.equals("0.0.0.0") || bind.equals("::") ? "127.0.0.1" : bind;
        return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }

    /** The page, with a login that works once. */
    String loginLink() {
        return address() + "/login/" + access.newLoginCode();
    }

    Path agentJar() {
        return agentJar;
    }

    /** The flag for a service of one's own, as one argument of its command. */
    String agentFlag(String service) {
        return HttpServer.agentFlag(address(), agentJar, tokens.resolve(Tokens.INGEST_FILE), service);
    }
}
