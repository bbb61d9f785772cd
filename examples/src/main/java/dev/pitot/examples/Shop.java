package dev.pitot.examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A tiny web shop in memory, whose endpoints differ in what they cost the machine: arithmetic, strings, cache misses, missed
 * branches, garbage, collections, a lock, waiting, statements, calls, work on other threads, and failures. It serves on 127.0.0.1
 * only, from a fixed pool of threads named {@code shop-1}, {@code shop-2}, …; its data is the same in every run.
 *
 * <p>Each route is a context of its own ({@link HttpServer#createContext}); a context that ends in {@code /} takes one number as
 * the rest of the path.
 */
public final class Shop implements AutoCloseable {
    /** One payment in so many is refused with status 500. */
    public static final int PAYMENTS_PER_FAILURE = 10;

    private static final long SEED = 20261123;
    private static final int WORKERS = 2;
    private static final int VOUCHERS = 4;
    private static final int MAX_BODY_BYTES = 8 * 1024;
    private static final int MAX_QUERY_CHARS = 40;
    private static final String USAGE = """
            Usage: java -jar pitot-examples.jar [--port PORT] [--port-file FILE] [--threads N] [--exit-with-parent PID]
              --port PORT              port on 127.0.0.1; 0, the default, takes a free one
              --port-file FILE         write the port to FILE once the shop listens
              --threads N              threads that serve requests, 1 to 256 (default 8)
              --exit-with-parent PID   end when the process PID is gone""";

    private final Catalogue catalogue = new Catalogue(SEED);
    private final Orders orders = new Orders(catalogue, SEED);
    private final Loyalty loyalty = new Loyalty(SEED);
    private final Sessions sessions = new Sessions();
    private final Lazy<Visits> visits = new Lazy<>(Visits::new);
    private final Lazy<History> history = new Lazy<>(() -> new History(catalogue, SEED));
    private final Lazy<Carrier> carrier = new Lazy<>(Carrier::new);
    private final AtomicLong payments = new AtomicLong();
    private final HttpServer server;
    private final ExecutorService threads;
    private final ExecutorService workers;

    /**
     * Opens the shop; it serves when this returns.
     *
     * @param port port on 127.0.0.1, 0 for a free one
     * @param threadCount threads that serve requests
     * @throws IOException when the port cannot be had
     */
    public Shop(int port, int threadCount) throws IOException {
        // Without it Nagle's algorithm and delayed acknowledgements add 40 ms to responses on kept-alive connections.
        if (System.getProperty("sun.net.httpserver.nodelay") == null) {
            System.setProperty("sun.net.httpserver.nodelay", "true");
        }
        server = HttpServer.create(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port), 0);
        threads = pool(threadCount, "shop-");
        workers = pool(WORKERS, "shop-worker-");
        server.setExecutor(threads);

        route("GET", "/", this::home);
        route("GET", "/health", request -> Reply.text("ok\n"));
        route("GET", "/products", this::products);
        route("GET", "/products/", this::product);
        route("GET", "/search", this::search);
        route("GET", "/recommendations/", this::recommendations);
        route("GET", "/loyalty", request -> gold(false));
        route("GET", "/loyalty/sorted", request -> gold(true));
        route("GET", "/report", this::report);
        route("GET", "/sessions", this::openSessions);
        route("GET", "/inventory", this::inventory);
        route("GET", "/shipping/", this::shipping);
        route("GET", "/history/", request -> history(request, History::lineByLine));
        route("GET", "/history/joined/", request -> history(request, History::joined));
        route("GET", "/delivery/", this::delivery);
        route("GET", "/vouchers/", this::vouchers);
        route("POST", "/checkout", this::checkout);
        route("POST", "/payments", this::pay);
        server.start();
    }

    private static ExecutorService pool(int size, String name) {
        AtomicInteger number = new AtomicInteger();
        return Executors.newFixedThreadPool(size, task -> new Thread(task, name + number.incrementAndGet()));
    }

    /** The port it listens on. */
    public int port() {
        return server.getAddress().getPort();
    }

    /** Where it listens, such as {@code http://127.0.0.1:8080}. */
    public URI uri() {
        return URI.create("http://127.0.0.1:" + port());
    }

    /** Stops listening and drops what is in progress; returns at once. */
    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
        workers.shutdownNow();
        Carrier called = carrier.end();
        if (called != null) {
            called.close();
        }
        History asked = history.end();
        if (asked != null) {
            asked.close();
        }
    }

    private Reply home(Request request) {
        return Reply.text("Pitot's example shop: try /products, /search?q=kettle, /recommendations/7, /history/7\n");
    }

    private Reply products(Request request) {
        Json json = new Json().open('{').field("count", Catalogue.PRODUCTS);
        json.name("products").open('[');
        for (Catalogue.Product product : catalogue.products()) {
            write(json, product);
        }
        return Reply.json(json.close(']').close('}'));
    }

    private Reply product(Request request) throws Refused {
        return Reply.json(write(new Json(), catalogue.product(request.rest("product", Catalogue.PRODUCTS))));
    }

    private Reply search(Request request) throws Refused {
        String query = request.parameter("q");
        if (query.isBlank() || query.length() > MAX_QUERY_CHARS) {
            throw new Refused(
                    400, "Give 1 to " + MAX_QUERY_CHARS + " characters to search for, such as /search?q=kettle.");
        }
        Json json = new Json().open('{').field("query", query).name("matches").open('[');
        for (Catalogue.Match match : catalogue.search(query.strip())) {
            write(json, match.product());
        }
        return Reply.json(json.close(']').close('}'));
    }

    private Reply recommendations(Request request) throws Refused, InterruptedException {
        int customer = request.rest("customer", Catalogue.CUSTOMERS);
        Json json = new Json().open('{').field("customer", customer);
        json.name("recommendations").open('[');
        for (Catalogue.Product product : catalogue.recommendations(customer, get(visits))) {
            write(json, product);
        }
        return Reply.json(json.close(']').close('}'));
    }

    private Reply report(Request request) {
        Json json = new Json().open('{').name("bestSellers").open('[');
        for (Orders.Sales sales : orders.report()) {
            json.open('{').field("product", sales.product()).field("sold", sales.sold());
            json.cents("revenue", sales.revenueCents()).close('}');
        }
        return Reply.json(json.close(']').close('}'));
    }

    private Reply inventory(Request request) throws InterruptedException {
        return Reply.json(
                new Json().open('{').field("pieces", orders.inventory()).close('}'));
    }

    /** Asks a carrier that is not there: the thread waits 15 to 54 ms, as on another machine's answer. */
    private Reply shipping(Request request) throws Refused, InterruptedException {
        int product = request.rest("product", Catalogue.PRODUCTS);
        int millis = 15 + product % 40;
        TimeUnit.MILLISECONDS.sleep(millis);
        Json json = new Json().open('{').field("product", product).field("days", 1 + product % 5);
        return Reply.json(json.field("carrierMillis", millis).close('}'));
    }

    private Reply gold(boolean sorted) {
        Json json = new Json().open('{').field("members", Loyalty.MEMBERS).field("gold", loyalty.gold(sorted));
        return Reply.json(json.close('}'));
    }

    private Reply openSessions(Request request) {
        long opened = sessions.open();
        Json json = new Json().open('{').field("opened", opened).field("kept", sessions.size());
        return Reply.json(json.close('}'));
    }

    private Reply history(Request request, Query query) throws Refused, InterruptedException {
        int member = request.rest("member", History.MEMBERS);
        List<History.Line> lines;
        try {
            lines = query.lines(get(history), member);
        } catch (SQLException e) {
            throw new Refused(503, "The database did not answer: " + e.getMessage() + ".");
        }
        Json json = new Json().open('{').field("member", member).name("lines").open('[');
        for (History.Line line : lines) {
            json.open('{').field("product", line.product()).cents("price", line.priceCents());
            json.field("quantity", line.quantity()).close('}');
        }
        return Reply.json(json.close(']').close('}'));
    }

    /** Asks a carrier that is there: another server, by HTTP. */
    private Reply delivery(Request request) throws Refused, InterruptedException {
        int parcel = request.rest("parcel", Catalogue.PRODUCTS);
        try {
            int days = get(carrier).days(parcel);
            return Reply.json(new Json()
                    .open('{')
                    .field("parcel", parcel)
                    .field("days", days)
                    .close('}'));
        } catch (IOException e) {
            throw new Refused(503, "The carrier did not answer: " + e.getMessage() + ".");
        }
    }

    /** Four vouchers, each made by another thread while this one waits. */
    private Reply vouchers(Request request) throws Refused, InterruptedException {
        int customer = request.rest("customer", Catalogue.CUSTOMERS);
        List<Callable<String>> tasks = new ArrayList<>();
        for (int i = 1; i <= VOUCHERS; i++) {
            int number = i;
            tasks.add(() -> Orders.voucher(customer, number));
        }
        Json json = new Json()
                .open('{')
                .field("customer", customer)
                .name("vouchers")
                .open('[');
        try {
            for (Future<String> voucher : workers.invokeAll(tasks)) {
                json.text(voucher.get());
            }
        } catch (ExecutionException | RejectedExecutionException e) {
            throw new Refused(503, "The vouchers could not be made: " + e.getMessage() + ".");
        }
        return Reply.json(json.close(']').close('}'));
    }

    /** @throws Refused when there is no memory, say, to make it */
    private static <T> T get(Lazy<T> part) throws Refused, InterruptedException {
        try {
            return part.get();
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception | OutOfMemoryError e) {
            throw new Refused(503, "The shop could not open this part of it (" + e + "); give it -Xmx128m or more.");
        }
    }

    private Reply checkout(Request request) throws Refused {
        int customer = request.number("customer", Catalogue.CUSTOMERS);
        int product = request.number("product", Catalogue.PRODUCTS);
        int quantity = request.number("quantity", 100);
        Orders.Order order = orders.checkout(customer, product, quantity);
        Json json = new Json().open('{').field("order", order.number()).cents("total", order.totalCents());
        return Reply.json(json.field("seal", order.seal()).close('}'));
    }

    private Reply pay(Request request) throws Refused {
        long number = payments.incrementAndGet();
        if (number % PAYMENTS_PER_FAILURE == 0) {
            throw new Refused(500, "The bank did not answer payment " + number + "; try again.");
        }
        return Reply.json(new Json().open('{').field("payment", number).close('}'));
    }

    private static Json write(Json json, Catalogue.Product product) {
        json.open('{').field("id", product.id()).field("name", product.name());
        return json.field("description", product.description())
                .cents("price", product.priceCents())
                .close('}');
    }

    private void route(String method, String path, Endpoint endpoint) {
        server.createContext(path, exchange -> {
            try (exchange) {
                Reply reply;
                try {
                    reply = answer(method, path, endpoint, exchange);
                } catch (Refused e) {
                    reply = Reply.error(e.status, String.valueOf(e.getMessage()));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    reply = Reply.error(503, "The shop is closing.");
                }
                send(exchange, reply);
            }
        });
    }

    private static Reply answer(String method, String path, Endpoint endpoint, HttpExchange exchange)
            throws Refused, IOException, InterruptedException {
        String asked = exchange.getRequestURI().getPath();
        boolean takesRest = path.endsWith("/") && path.length() > 1;
        // A context also gets everything that merely begins with its path.
        if (!takesRest && !asked.equals(path)) {
            throw new Refused(404, "There is nothing at " + asked + ".");
        }
        if (!exchange.getRequestMethod().equals(method)) {
            exchange.getResponseHeaders().set("Allow", method);
            throw new Refused(405, path + " answers " + method + " only, not " + exchange.getRequestMethod() + ".");
        }
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
        if (body.length > MAX_BODY_BYTES) {
            throw new Refused(413, "The body is over " + MAX_BODY_BYTES + " bytes; send a shorter form.");
        }
        Map<String, String> parameters = new HashMap<>();
        decode(exchange.getRequestURI().getRawQuery(), parameters);
        decode(new String(body, StandardCharsets.UTF_8), parameters);
        return endpoint.answer(new Request(asked.substring(path.length()), parameters));
    }

    private static void decode(@Nullable String form, Map<String, String> into) throws Refused {
        if (form == null || form.isEmpty()) {
            return;
        }
        for (String pair : form.split("&")) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                try {
                    into.put(
                            pair.substring(0, equals),
                            URLDecoder.decode(pair.substring(equals + 1), StandardCharsets.UTF_8));
                } catch (IllegalArgumentException e) {
                    throw new Refused(
                            400, "The value of '" + pair.substring(0, equals) + "' is badly percent-encoded.");
                }
            }
        }
    }

    private static void send(HttpExchange exchange, Reply reply) throws IOException {
        byte[] bytes = reply.body().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", reply.contentType());
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(reply.status(), -1);
            return;
        }
        exchange.sendResponseHeaders(reply.status(), bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    /** Serves until it is told to stop; see the usage text. Exit status 2 for arguments or a port it cannot use. */
    public static void main(String[] args) {
        try {
            Options options = Options.parse(args);
            // The pool logs through SLF4J, which would complain that it has nowhere to.
            System.setProperty("slf4j.internal.verbosity", "ERROR");
            if (options.help()) {
                System.out.println(USAGE);
                return;
            }
            run(options);
        } catch (IllegalArgumentException | IOException e) {
            fail(e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    private static void run(Options options) throws IOException {
        ProcessHandle parent = null;
        if (options.parent() > 0) {
            parent = ProcessHandle.of(options.parent()).orElse(null);
            if (parent == null) {
                // It may have died while this JVM was starting: an orphan is what nobody wants.
                System.err.println("The parent process " + options.parent() + " is gone, so the shop does not open.");
                return;
            }
        }
        Shop shop;
        try {
            shop = new Shop(options.port(), options.threads());
        } catch (IOException e) {
            throw new IOException(
                    "Cannot listen on 127.0.0.1:" + options.port() + " (" + e.getMessage() + "); give another --port.",
                    e);
        }
        Runtime.getRuntime().addShutdownHook(new Thread(shop::close, "shop-close"));
        exitWithStatusZeroOn("TERM");
        if (parent != null) {
            endWith(parent);
        }
        if (options.portFile() != null) {
            writePort(shop.port(), options.portFile());
        }
        System.out.println("Shop listens on " + shop.uri());
        System.out.flush();
    }

    /** Renamed into place, so that whoever waits for the file never reads half a number. */
    private static void writePort(int port, Path file) {
        try {
            Path target = file.toAbsolutePath();
            Path draft = target.resolveSibling(target.getFileName() + ".tmp");
            Files.writeString(draft, Integer.toString(port));
            Files.move(draft, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            fail("Cannot write the port to " + file + " (" + e + "); give --port-file a file in a writable folder.");
        }
    }

    /**
     * A JVM ended by a signal reports 128 + its number, which reads as a failure; being asked to stop is none. By reflection
     * because javac warns about {@code sun.misc.Signal} with no way to accept it. Not {@code Runtime.halt} in a hook: other hooks,
     * an agent's say, need their time.
     */
    private static void exitWithStatusZeroOn(String signal) {
        try {
            Class<?> signalType = Class.forName("sun.misc.Signal");
            Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
            Object handler = Proxy.newProxyInstance(
                    Shop.class.getClassLoader(), new Class<?>[] {handlerType}, (proxy, method, arguments) -> {
                        if (method.getName().equals("handle")) {
                            System.exit(0);
                        }
                        return null;
                    });
            signalType
                    .getMethod("handle", signalType, handlerType)
                    .invoke(null, signalType.getConstructor(String.class).newInstance(signal), handler);
        } catch (ReflectiveOperationException e) {
            // A runtime image without jdk.unsupported, or -Xrs: it still stops, only the status is 143.
        }
    }

    /** Looks four times a second: {@link ProcessHandle#onExit} polls processes that are no children up to 5 s apart. */
    private static void endWith(ProcessHandle parent) {
        Thread watch = new Thread(
                () -> {
                    try {
                        while (parent.isAlive() && !isZombie(parent.pid())) {
                            TimeUnit.MILLISECONDS.sleep(250);
                        }
                    } catch (InterruptedException e) {
                        // Nobody interrupts it but an ending JVM; ending is what it is for.
                    }
                    System.exit(0);
                },
                "shop-parent-watch");
        watch.setDaemon(true);
        watch.start();
    }

    /** Dead but not yet collected by its own parent, as in containers whose first process does not reap. */
    private static boolean isZombie(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
            return stat.startsWith(") Z", stat.lastIndexOf(')'));
        } catch (IOException e) {
            // No /proc here, or the process ended just now: isAlive decides.
            return false;
        }
    }

    private static void fail(String sentence) {
        System.err.println(sentence);
        System.exit(2);
    }

    private interface Endpoint {
        Reply answer(Request request) throws Refused, InterruptedException;
    }

    /** A way to ask for a member's lines. */
    private interface Query {
        List<History.Line> lines(History history, int member) throws SQLException;
    }

    /** What was asked beyond the route: the rest of the path, and the parameters of query and form body together. */
    private record Request(String rest, Map<String, String> parameters) {
        String parameter(String name) {
            return parameters.getOrDefault(name, "");
        }

        int number(String name, int max) throws Refused {
            Integer number = between1And(parameter(name), max);
            if (number == null) {
                throw new Refused(400, "'" + name + "' must be a whole number from 1 to " + max + ".");
            }
            return number;
        }

        int rest(String what, int max) throws Refused {
            Integer number = between1And(rest, max);
            if (number == null) {
                throw new Refused(404, "There is no " + what + " '" + rest + "'; they run from 1 to " + max + ".");
            }
            return number;
        }

        private static @Nullable Integer between1And(String text, int max) {
            try {
                int number = Integer.parseInt(text);
                return number >= 1 && number <= max ? number : null;
            } catch (NumberFormatException e) {
                return null;
            }
        }
    }

    private record Reply(int status, String contentType, String body) {
        static Reply text(String body) {
            return new Reply(200, "text/plain; charset=utf-8", body);
        }

        static Reply json(Json json) {
            return new Reply(200, "application/json", json.toString());
        }

        static Reply error(int status, String sentence) {
            Json json = new Json().open('{').field("error", sentence).close('}');
            return new Reply(status, "application/json", json.toString());
        }
    }

    /** A request answered with an error status and a sentence for its sender. */
    private static final class Refused extends Exception {
        final int status;

        Refused(int status, String sentence) {
            super(sentence, null, false, false);
            this.status = status;
        }
    }

    private record Options(int port, @Nullable Path portFile, int threads, long parent, boolean help) {
        static Options parse(String[] args) {
            int port = 0;
            Path portFile = null;
            int threads = 8;
            long parent = 0;
            boolean help = false;
            List<String> rest = List.of(args);
            for (int i = 0; i < rest.size(); i++) {
                String option = rest.get(i);
                if (option.equals("--help") || option.equals("-h")) {
                    help = true;
                    continue;
                }
                if (!List.of("--port", "--port-file", "--threads", "--exit-with-parent")
                        .contains(option)) {
                    throw new IllegalArgumentException(
                            "Unknown argument '" + option + "'; run with --help to see what the shop understands.");
                }
                if (++i == rest.size()) {
                    throw new IllegalArgumentException(option + " needs a value; run with --help to see which.");
                }
                String value = rest.get(i);
                switch (option) {
                    case "--port" -> port = (int) whole(option, value, 0, 65_535);
                    case "--threads" -> threads = (int) whole(option, value, 1, 256);
                    case "--exit-with-parent" -> parent = whole(option, value, 1, Integer.MAX_VALUE);
                    default -> portFile = Path.of(value);
                }
            }
            return new Options(port, portFile, threads, parent, help);
        }

        private static long whole(String option, String value, long min, long max) {
            try {
                long number = Long.parseLong(value);
                if (number >= min && number <= max) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // Said below, together with a number out of range.
            }
            throw new IllegalArgumentException(
                    option + " must be a whole number from " + min + " to " + max + ", not '" + value + "'.");
        }
    }
}
