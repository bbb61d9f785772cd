package dev.pitot.examples.fleet;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Behaves towards a collector as hundreds of agents do, each with a connection and a clock of its own, from the captures of one or
 * some real ones. One thread does it all and waits in a selector, so that what it measures is the collector.
 */
public final class Fleet {
    private static final String USAGE = """
            Usage: java -cp pitot-examples.jar dev.pitot.examples.fleet.Fleet --capture FILE --token-file FILE [options]
              --capture FILE     what Capture wrote; may be repeated: the agents take them by turns
              --collector URL    on this machine (default http://127.0.0.1:7070)
              --token-file FILE  its ingest token
              --agents N         1 to 10000 (default 500)
              --seconds S        how long, 1 to 86400 (default 600); then each JVM ends
              --ramp S           seconds over which the JVMs start, 0 to 3600 (default 60)
              --heavy FACTOR     as many times the events of the capture, 0.1 to 50 (default 1): it is played as many times as fast
              --max-size MB      what waits in each agent while the collector is away, 16 to 16384 (default 64)
              --seed N           another fleet (default: by the clock)
            Exit status 1 when a post was refused (4xx other than 409) or a byte was lost.""";

    private static final long REPORT_MILLIS = 10_000;
    private static final long CONNECT_MILLIS = 5_000;
    private static final long READ_MILLIS = 30_000;
    private static final long FAREWELL_MILLIS = 60_000;
    private static final long MAX_AGE_MILLIS = TimeUnit.HOURS.toMillis(1);
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

    /** An agent with its connection, in the queue when nothing of it is under way. */
    private static final class Member {
        final int number;
        final SimulatedAgent agent;
        final Connection connection;
        /** When the post under way began; 0 for none. */
        long sinceMillis;

        long sinceNanos;

        Member(int number, SimulatedAgent agent, InetSocketAddress collector, Selector selector) {
            this.number = number;
            this.agent = agent;
            this.connection = new Connection(collector, selector, this);
        }
    }

    private final List<Member> members = new ArrayList<>();
    private final PriorityQueue<Member> idle = new PriorityQueue<>(Comparator.comparingLong(m -> m.agent.due()));
    private final Selector selector;
    private final PostBody body;
    private final Tally tally;
    private final long begin;
    private final long end;
    private final long wallMinusNanos = System.currentTimeMillis() - TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
    private long reportedPosts;
    private long reportedBytes;

    private Fleet(Selector selector, PostBody body, int agents, int seconds) {
        this.selector = selector;
        this.body = body;
        tally = new Tally(agents);
        begin = now();
        end = begin + seconds * 1000L;
    }

    /** Runs a fleet; see the usage text. Exit status 2 for bad arguments. */
    public static void main(String[] args) throws IOException {
        int status;
        try {
            status = run(new Arguments(
                    args,
                    List.of(
                            "--capture",
                            "--collector",
                            "--token-file",
                            "--agents",
                            "--seconds",
                            "--ramp",
                            "--heavy",
                            "--max-size",
                            "--seed")));
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            status = 2;
        }
        if (status != 0) {
            System.exit(status);
        }
    }

    private static int run(Arguments options) throws IOException {
        if (options.help()) {
            System.out.println(USAGE);
            return 0;
        }
        List<Flight> flights = flights(options.all("--capture"));
        URI uri = URI.create(options.text("--collector", "http://127.0.0.1:7070"));
        InetSocketAddress collector = address(uri);
        String token = token(Path.of(options.required("--token-file", "give the collector's ingest.token.")));
        int agents = options.whole("--agents", 500, 1, 10_000);
        int seconds = options.whole("--seconds", 600, 1, 86_400);
        int ramp = options.whole("--ramp", 60, 0, 3600);
        double speed = options.number("--heavy", 1, 0.1, 50);
        long mostBytes = options.whole("--max-size", 64, 16, 16_384) * (1L << 20);
        long seed = (long) options.number("--seed", System.nanoTime() % 1e9, 0, 1e15);
        try (Selector selector = Selector.open();
                PostBody body = new PostBody(uri.getRawAuthority(), token)) {
            Fleet fleet = new Fleet(selector, body, agents, seconds);
            Random random = new Random(seed);
            for (int i = 0; i < agents; i++) {
                long start = fleet.begin + (long) (random.nextDouble() * ramp * 1000);
                SimulatedAgent agent = new SimulatedAgent(
                        i, flights.get(i % flights.size()), start, speed, mostBytes, MAX_AGE_MILLIS, random);
                fleet.members.add(new Member(i, agent, collector, selector));
            }
            fleet.idle.addAll(fleet.members);
            return fleet.fly() ? 0 : 1;
        }
    }

    private static List<Flight> flights(List<String> files) {
        if (files.isEmpty()) {
            throw new IllegalArgumentException("--capture is missing; give a file that Capture wrote.");
        }
        List<Flight> flights = new ArrayList<>();
        for (String file : files) {
            try {
                flights.add(Flight.read(Path.of(file)));
            } catch (IOException e) {
                throw new IllegalArgumentException(e.getMessage(), e);
            }
        }
        return flights;
    }

    private static InetSocketAddress address(URI uri) {
        if (!"http".equals(uri.getScheme()) || uri.getHost() == null || uri.getPort() < 0) {
            throw new IllegalArgumentException(
                    "--collector must be an address such as http://127.0.0.1:7070, not '" + uri + "'.");
        }
        InetSocketAddress address = new InetSocketAddress(uri.getHost(), uri.getPort());
        InetAddress host = address.getAddress();
        if (host == null || !host.isLoopbackAddress()) {
            throw new IllegalArgumentException("--collector must be on this machine, as it is sent much load: '"
                    + uri.getHost() + "' is not a loopback address.");
        }
        return address;
    }

    private static String token(Path file) {
        try (java.util.stream.Stream<String> lines = Files.lines(file)) {
            return lines.findFirst().orElse("").strip();
        } catch (IOException | java.io.UncheckedIOException e) {
            throw new IllegalArgumentException(
                    "--token-file names '" + file + "', which cannot be read; give the collector's ingest.token.", e);
        }
    }

    private long now() {
        return wallMinusNanos + TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
    }

    private boolean fly() throws IOException {
        long nextReport = begin + REPORT_MILLIS;
        long nextLook = begin + 1000;
        boolean ending = false;
        int ended = 0;
        while (ended < members.size() && now() < end + FAREWELL_MILLIS) {
            long now = now();
            if (!ending && now >= end) {
                ending = true;
                members.forEach(member -> member.agent.end(now));
                idle.clear();
                members.stream().filter(member -> member.sinceMillis == 0).forEach(idle::add);
            }
            for (Member next = idle.peek(); next != null && next.agent.due() <= now; next = idle.peek()) {
                idle.remove();
                post(next);
            }
            long until = Math.min(nextLook, ending ? end + FAREWELL_MILLIS : end);
            Member next = idle.peek();
            selector.select(Math.max(1, Math.min(until, next == null ? until : next.agent.due()) - now()));
            for (SelectionKey key : selector.selectedKeys()) {
                ended += ready((Member) key.attachment()) ? 1 : 0;
            }
            selector.selectedKeys().clear();
            if (now >= nextLook) {
                nextLook += 1000;
                members.forEach(this::giveUpOn);
            }
            if (now >= nextReport) {
                nextReport += REPORT_MILLIS;
                report(now);
            }
        }
        members.forEach(member -> member.connection.close());
        return summary();
    }

    private void post(Member member) {
        ByteBuffer request = member.agent.post(body, now());
        member.sinceNanos = System.nanoTime();
        member.sinceMillis = now();
        tally.posted(member.number, member.sinceMillis, request.remaining());
        try {
            member.connection.send(request);
        } catch (IOException e) {
            failed(member);
        }
    }

    /** @return whether that was the last of this agent */
    private boolean ready(Member member) {
        Answer answer;
        try {
            answer = member.connection.ready();
        } catch (IOException e) {
            failed(member);
            return false;
        }
        if (answer == null) {
            return false;
        }
        long now = now();
        say(now, tally.answered(member.number, answer, System.nanoTime() - member.sinceNanos, now));
        member.sinceMillis = 0;
        member.agent.answered(answer, now);
        if (member.agent.isDone()) {
            member.connection.close();
            return true;
        }
        idle.add(member);
        return false;
    }

    private void giveUpOn(Member member) {
        long limit = member.connection.isConnecting() ? CONNECT_MILLIS : READ_MILLIS;
        if (member.sinceMillis != 0 && now() - member.sinceMillis > limit) {
            failed(member);
        }
    }

    private void failed(Member member) {
        long now = now();
        member.connection.close();
        say(now, tally.failed(member.number, now));
        member.sinceMillis = 0;
        member.agent.failed(now);
        idle.add(member);
    }

    private void say(long now, String text) {
        if (!text.isEmpty()) {
            System.out.println(TIME.format(Instant.ofEpochMilli(now)) + "  " + text);
        }
    }

    private void report(long now) {
        double seconds = REPORT_MILLIS / 1000.0;
        long waiting = members.stream()
                .mapToLong(member -> member.agent.waitingBytes(now))
                .sum();
        say(
                now,
                String.format(
                        Locale.ROOT,
                        "%4d s  %d agents, %d live  %.1f posts/s (%s)  %.1f KB/s  p50 %.0f ms, p99 %.0f ms  waiting %.1f MB",
                        (now - begin) / 1000,
                        tally.begun(),
                        tally.live(),
                        (tally.posts() - reportedPosts) / seconds,
                        tally.outcomes(),
                        (tally.wireBytes() - reportedBytes) / seconds / 1024,
                        tally.millis(0.5),
                        tally.millis(0.99),
                        waiting / 1048576.0));
        reportedPosts = tally.posts();
        reportedBytes = tally.wireBytes();
    }

    private boolean summary() {
        long now = now();
        long durable = members.stream().mapToLong(m -> m.agent.durableBytes()).sum();
        long lost = members.stream().mapToLong(m -> m.agent.lostBytes()).sum();
        long unsent = members.stream().mapToLong(m -> m.agent.waitingBytes(now)).sum();
        long forgotten =
                members.stream().mapToLong(m -> m.agent.forgottenBytes()).sum();
        long reconnects = members.stream()
                .mapToLong(m -> Math.max(0, m.connection.connects() - 1))
                .sum();
        long unfinished = members.stream().filter(m -> !m.agent.isDone()).count();
        System.out.printf("posts: %d (%s)%n", tally.posts(), tally.outcomes());
        System.out.printf(
                Locale.ROOT, "latency of posts: p50 %.0f ms, p99 %.0f ms%n", tally.millis(0.5), tally.millis(0.99));
        System.out.printf("bytes on the wire: %d%n", tally.wireBytes());
        System.out.printf("bytes of recordings durable: %d%n", durable);
        System.out.printf("reconnects: %d%n", reconnects);
        System.out.printf("longest time without an acknowledged post: %s%n", tally.silences(now));
        System.out.printf(
                "refused: %d%s%n",
                tally.refused(), tally.firstRefusal().isEmpty() ? "" : ", the first with " + tally.firstRefusal());
        System.out.printf(
                "lost: %d bytes given up, %d not taken at the end, %d durable and then not; JVMs whose end was not taken: %d%n",
                lost, unsent, forgotten, unfinished);
        return tally.refused() == 0 && lost == 0 && unsent == 0 && forgotten == 0 && unfinished == 0;
    }
}
