package dev.pitot.examples;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Drives a steady mix of requests at a {@link Shop} on this machine. The load is open-loop: requests become due at the wanted rate
 * with jitter, whether or not the earlier ones were answered, and latency counts from when a request was due, so a stalled service
 * shows as slow and not as idle. At most {@value #MAX_IN_FLIGHT} requests are in flight; one that is due beyond that is skipped
 * and counted.
 *
 * <p>All its threads are daemons. Nothing that goes wrong with a request leaves it as an exception: it is counted. The methods may
 * be called from any thread. The same seed sends the same sequence of requests.
 */
public final class LoadGenerator implements AutoCloseable {
    /** The bound on unanswered requests. */
    public static final int MAX_IN_FLIGHT = 8;

    /** Requests per second may be at most this many: it makes load for a demo, it is no stress test. */
    public static final double MAX_RATE = 1000;

    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final Pattern LOOPBACK =
            Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]|\\[0:0:0:0:0:0:0:1]");
    private static final String USAGE = """
            Usage: java -cp pitot-examples.jar dev.pitot.examples.LoadGenerator --url http://127.0.0.1:PORT [--rate R] [--seconds S]
              --url URL      the shop, on this machine
              --rate R       requests per second, above 0 to 1000 (default 20)
              --seconds S    how long, 1 to 86400 (default 60)
              --seed N       another sequence of requests (default 1)""";

    /** Weight is the share among all; a burst sends so many at the same moment, which is what makes a lock contended. */
    private record Target(int weight, int burst, String method, String path) {}

    private static final List<Target> MIX = List.of(
            new Target(12, 1, "GET", "/"),
            new Target(6, 1, "GET", "/products"),
            new Target(24, 1, "GET", "/products/{product}"),
            new Target(14, 1, "GET", "/search?q={word}"),
            new Target(6, 1, "POST", "/checkout?customer={customer}&product={product}&quantity=2"),
            new Target(10, 1, "GET", "/recommendations/{customer}"),
            new Target(3, 1, "GET", "/report"),
            new Target(3, 4, "GET", "/inventory"),
            new Target(8, 1, "GET", "/shipping/{product}"),
            new Target(3, 1, "GET", "/loyalty"),
            new Target(3, 1, "GET", "/loyalty/sorted"),
            new Target(4, 1, "GET", "/sessions"),
            new Target(3, 1, "GET", "/history/{member}"),
            new Target(4, 1, "GET", "/history/joined/{member}"),
            new Target(4, 1, "GET", "/delivery/{product}"),
            new Target(3, 1, "GET", "/vouchers/{customer}"),
            new Target(10, 1, "POST", "/payments"),
            new Target(4, 1, "GET", "/health"));
    private static final List<String> WORDS =
            List.of("kettle", "lantrn", "copper", "umbrela", "walnut", "coast", "notebok");

    private final URI base;
    private final double rate;
    private final @Nullable Duration duration;
    private final Random random;
    private final Semaphore inFlight = new Semaphore(MAX_IN_FLIGHT);
    private final AtomicLong sent = new AtomicLong();
    private final AtomicLong ok = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final AtomicLong skipped = new AtomicLong();
    private final Latencies latencies = new Latencies();
    private final AtomicBoolean started = new AtomicBoolean();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread pacer = new Thread(this::run, "load-pacer");

    /**
     * Prepares load; {@link #start()} begins it.
     *
     * @param base where the shop is: {@code http}, a loopback address or {@code localhost}, and a port
     * @param requestsPerSecond above 0, at most {@value #MAX_RATE}
     * @param duration how long to send, or null until {@link #close()}
     * @param seed chooses the sequence of requests
     * @throws IllegalArgumentException when the address is not on this machine or a number is out of range
     */
    public LoadGenerator(URI base, double requestsPerSecond, @Nullable Duration duration, long seed) {
        String host = base.getHost();
        if (!"http".equalsIgnoreCase(base.getScheme()) || host == null) {
            throw new IllegalArgumentException(
                    "Load needs an address such as http://127.0.0.1:8080, not '" + base + "'.");
        }
        if (!LOOPBACK.matcher(host.toLowerCase(Locale.ROOT)).matches()) {
            throw new IllegalArgumentException("Load is sent to this machine only, and '" + host
                    + "' is not a loopback address; use 127.0.0.1, [::1] or localhost.");
        }
        if (!(requestsPerSecond > 0 && requestsPerSecond <= MAX_RATE)) {
            throw new IllegalArgumentException("The rate must be above 0 and at most " + (int) MAX_RATE
                    + " requests per second, not " + requestsPerSecond + ".");
        }
        if (duration != null && (duration.isNegative() || duration.isZero())) {
            throw new IllegalArgumentException("The duration must be longer than nothing, not " + duration + ".");
        }
        String text = base.toString();
        this.base = text.endsWith("/") ? URI.create(text.substring(0, text.length() - 1)) : base;
        this.rate = requestsPerSecond;
        this.duration = duration;
        this.random = new Random(seed);
        pacer.setDaemon(true);
    }

    /**
     * Begins to send; returns at once.
     *
     * @throws IllegalStateException when it was started or closed before
     */
    public void start() {
        if (!started.compareAndSet(false, true)) {
            throw new IllegalStateException("This load was started or closed before; make a new LoadGenerator.");
        }
        pacer.start();
    }

    /** Whether it still sends, or waits for the last answers. */
    public boolean isRunning() {
        return started.get() && ended.getCount() > 0;
    }

    /** Waits until its duration is over and the last answers are in; false when {@code limit} passed first. */
    public boolean await(Duration limit) throws InterruptedException {
        return ended.await(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Stops sending and gives unanswered requests a second; later calls do nothing. */
    @Override
    public void close() {
        if (started.compareAndSet(false, true)) {
            ended.countDown();
            return;
        }
        pacer.interrupt();
        try {
            ended.await(2, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** What happened so far. */
    public Counts counts() {
        return new Counts(
                sent.get(),
                ok.get(),
                failed.get(),
                skipped.get(),
                latencies.percentile(50),
                latencies.percentile(99),
                latencies.max());
    }

    /**
     * Requests so far.
     *
     * @param sent handed to the network
     * @param ok answered with a status below 400
     * @param failed answered with 400 or above, or not at all
     * @param skipped due, but not sent because {@value #MAX_IN_FLIGHT} others were unanswered
     * @param p50 median latency from due to answered, accurate to 1/8
     * @param p99 99th percentile, likewise
     * @param max the slowest
     */
    public record Counts(long sent, long ok, long failed, long skipped, Duration p50, Duration p99, Duration max) {
        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%d sent, %d ok, %d failed, %d skipped; latency p50 %.1f ms, p99 %.1f ms, max %.1f ms",
                    sent,
                    ok,
                    failed,
                    skipped,
                    millis(p50),
                    millis(p99),
                    millis(max));
        }

        private static double millis(Duration duration) {
            return duration.toNanos() / 1e6;
        }
    }

    private void run() {
        try {
            // The client lives as long as this call: its selector thread ends once nothing refers to it.
            pace(client());
        } catch (InterruptedException e) {
            // Closed: that is how it ends.
        } catch (RuntimeException e) {
            // No client, say: no request can be made, and that is all the caller needs to see.
            failed.incrementAndGet();
        } finally {
            drain();
            ended.countDown();
        }
    }

    private void pace(HttpClient client) throws InterruptedException {
        long start = System.nanoTime();
        long end = duration == null ? Long.MAX_VALUE : duration.toNanos();
        double due = 0;
        while (true) {
            Target target = next();
            due += target.burst() * (0.5 + random.nextDouble()) * 1e9 / rate;
            if (due >= end) {
                sleepUntil(start, end);
                return;
            }
            sleepUntil(start, (long) due);
            for (int i = 0; i < target.burst(); i++) {
                send(client, request(target), start + (long) due);
            }
        }
    }

    private static void sleepUntil(long start, long offset) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(offset - (System.nanoTime() - start));
    }

    private void send(HttpClient client, HttpRequest request, long due) {
        if (!inFlight.tryAcquire()) {
            skipped.incrementAndGet();
            return;
        }
        sent.incrementAndGet();
        try {
            client.sendAsync(request, HttpResponse.BodyHandlers.discarding()).whenComplete((response, error) -> {
                latencies.add(System.nanoTime() - due);
                (error == null && response.statusCode() < 400 ? ok : failed).incrementAndGet();
                inFlight.release();
            });
        } catch (RuntimeException e) {
            failed.incrementAndGet();
            inFlight.release();
        }
    }

    private void drain() {
        try {
            inFlight.tryAcquire(MAX_IN_FLIGHT, 1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            // Closed while waiting for the last answers: they are given up.
        }
    }

    private Target next() {
        int total = 0;
        for (Target target : MIX) {
            total += target.weight();
        }
        int pick = random.nextInt(total);
        for (Target target : MIX) {
            pick -= target.weight();
            if (pick < 0) {
                return target;
            }
        }
        throw new AssertionError("the weights add up to more than their total");
    }

    private HttpRequest request(Target target) {
        String path = target.path()
                .replace("{product}", Integer.toString(1 + random.nextInt(Catalogue.PRODUCTS)))
                .replace("{customer}", Integer.toString(1 + random.nextInt(Catalogue.CUSTOMERS)))
                .replace("{member}", Integer.toString(1 + random.nextInt(History.MEMBERS)))
                .replace("{word}", WORDS.get(random.nextInt(WORDS.size())));
        return HttpRequest.newBuilder(URI.create(base + path))
                .timeout(TIMEOUT)
                .method(target.method(), HttpRequest.BodyPublishers.noBody())
                .build();
    }

    private static HttpClient client() {
        ThreadPoolExecutor threads =
                new ThreadPoolExecutor(2, 2, 5, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "load-client");
                    thread.setDaemon(true);
                    return thread;
                });
        threads.allowCoreThreadTimeOut(true);
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .proxy(HttpClient.Builder.NO_PROXY)
                .connectTimeout(TIMEOUT)
                .executor(threads)
                .build();
    }

    /** Microseconds in buckets, eight for each power of two: fixed memory for any number of requests. */
    private static final class Latencies {
        private final AtomicLongArray buckets = new AtomicLongArray(8 * 40);
        private final AtomicLong maxMicros = new AtomicLong();

        void add(long nanos) {
            long micros = Math.max(0, nanos / 1000);
            maxMicros.accumulateAndGet(micros, Math::max);
            buckets.incrementAndGet(bucket(micros));
        }

        /** Below 8 each value has a bucket; above, the leading bit chooses eight of them and the next three bits one of these. */
        private int bucket(long micros) {
            if (micros < 8) {
                return (int) micros;
            }
            int shift = 60 - Long.numberOfLeadingZeros(micros);
            return Math.min(buckets.length() - 1, shift * 8 + (int) (micros >> shift));
        }

        private static long highest(int bucket) {
            int shift = Math.max(0, bucket / 8 - 1);
            return (((bucket - shift * 8L) + 1) << shift) - 1;
        }

        Duration percentile(int percent) {
            long total = 0;
            for (int i = 0; i < buckets.length(); i++) {
                total += buckets.get(i);
            }
            long wanted = (total * percent + 99) / 100;
            for (int i = 0; i < buckets.length() && wanted > 0; i++) {
                wanted -= buckets.get(i);
                if (wanted <= 0) {
                    return Duration.ofNanos(1000 * Math.min(highest(i), maxMicros.get()));
                }
            }
            return Duration.ZERO;
        }

        Duration max() {
            return Duration.ofNanos(1000 * maxMicros.get());
        }
    }

    /** Sends load from the command line, with a line of progress every ten seconds; see the usage text. */
    public static void main(String[] args) throws InterruptedException {
        LoadGenerator load;
        try {
            load = parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
            return;
        }
        if (load == null) {
            System.out.println(USAGE);
            return;
        }
        load.start();
        while (!load.await(Duration.ofSeconds(10))) {
            System.out.println(load.counts());
        }
        System.out.println(load.counts());
    }

    private static @Nullable LoadGenerator parse(String[] args) {
        URI url = null;
        double rate = 20;
        long seconds = 60;
        long seed = 1;
        for (int i = 0; i < args.length; i++) {
            String option = args[i];
            if (option.equals("--help") || option.equals("-h")) {
                return null;
            }
            if (!List.of("--url", "--rate", "--seconds", "--seed").contains(option)) {
                throw new IllegalArgumentException(
                        "Unknown argument '" + option + "'; run with --help to see the options.");
            }
            if (++i == args.length) {
                throw new IllegalArgumentException(option + " needs a value; run with --help to see which.");
            }
            try {
                switch (option) {
                    case "--url" -> url = URI.create(args[i]);
                    case "--rate" -> rate = Double.parseDouble(args[i]);
                    case "--seconds" -> seconds = Long.parseLong(args[i]);
                    default -> seed = Long.parseLong(args[i]);
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        option + " cannot be '" + args[i] + "'; run with --help to see what it takes.", e);
            }
        }
        if (url == null) {
            throw new IllegalArgumentException(
                    "--url is missing; give the shop's address, such as --url http://127.0.0.1:8080.");
        }
        if (seconds < 1 || seconds > 86_400) {
            throw new IllegalArgumentException("--seconds must be from 1 to 86400, not " + seconds + ".");
        }
        return new LoadGenerator(url, rate, Duration.ofSeconds(seconds), seed);
    }
}
