package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.EndpointSummary;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class EndpointsTest {
    private static Done done() {
        Done done = new Done(ThreadCounters.PLACES);
        done.clear();
        done.all.unknown();
        done.own.unknown();
        return done;
    }

    @Test
    void bucketsAreThoseOfTheSpecification() {
        Random random = new Random(7);
        for (int i = 0; i < 100_000; i++) {
            long nanos = random.nextLong() >>> (1 + random.nextInt(62));
            int bucket = Buckets.of(nanos);
            if (nanos < 16) {
                assertThat(bucket).isEqualTo((int) nanos);
            } else {
                long begin = (16L + bucket % 16) << (bucket / 16 - 1);
                long next = (16L + (bucket + 1) % 16) << ((bucket + 1) / 16 - 1);
                assertThat(nanos).isGreaterThanOrEqualTo(begin);
                assertThat(nanos < next || next <= 0).isTrue();
            }
        }
        assertThat(Buckets.of(-5)).isZero();
        assertThat(Buckets.of(Long.MAX_VALUE)).isEqualTo(Buckets.COUNT - 1);
    }

    @Test
    void noRequestIsLostOrSplitBetweenDrains() throws Exception {
        Summary endpoint = new Summary("GET", "/", ThreadCounters.PLACES);
        int each = 200_000;
        List<Thread> writers = new ArrayList<>();
        for (int w = 0; w < 4; w++) {
            Thread writer = new Thread(() -> {
                Done done = done();
                done.duration = 1000;
                done.all.cpuTime = 10;
                done.all.allocated = 20;
                for (int i = 0; i < each; i++) {
                    done.failed = (i & 1) == 0;
                    endpoint.add(done, 0);
                }
            });
            writers.add(writer);
            writer.start();
        }
        AtomicLong count = new AtomicLong();
        AtomicLong errors = new AtomicLong();
        int[] scratch = new int[Buckets.COUNT];
        boolean last = false;
        while (!last) {
            last = writers.stream().noneMatch(Thread::isAlive);
            if (endpoint.takeTouched()) {
                EndpointSummary event = new EndpointSummary();
                if (endpoint.drainTo(event, scratch, List.of(), new long[Done.EXTRAS])) {
                    count.addAndGet(event.count);
                    errors.addAndGet(event.errors);
                    assertThat(event.totalDuration).isEqualTo(1000 * event.count);
                    assertThat(event.totalCpuTime).isEqualTo(10 * event.count);
                    assertThat(event.totalAllocated).isEqualTo(20 * event.measured);
                    assertThat(event.histogram).isEqualTo(Buckets.of(1000) + ":" + event.count);
                }
            }
        }
        assertThat(count).hasValue(4L * each);
        assertThat(errors).hasValue(2L * each);
        assertThat(endpoint.takeTouched()).isFalse();
    }

    @Test
    void endpointsBeyondTheLimitAreCountedAsOther() {
        Endpoints endpoints = new Endpoints(3, ThreadCounters.PLACES);
        Summary first = endpoints.find("GET", "/a", null, 200);
        endpoints.find("POST", "/a", null, 200);
        endpoints.find("GET", "/b", null, 200);
        assertThat(endpoints.find("PUT", "/a", null, 200).detail).isEqualTo("other");
        assertThat(endpoints.find("GET", "/c", null, 200).detail).isEqualTo("other");
        assertThat(endpoints.find("GET", "/a", null, 200)).isSameAs(first);
        assertThat(endpoints.find("PROPFIND", "/a", null, 200).name).isEqualTo("OTHER");
        assertThat(endpoints.find("get\r\nx", "/a", null, 200).name).isEqualTo("OTHER");
        assertThat(endpoints.all()).hasSize(3 + 3);
    }

    @Test
    void madeUpPathsTakeNoPlaceOfTheServersPatterns() {
        Endpoints endpoints = new Endpoints(3, ThreadCounters.PLACES);
        for (String word : List.of("c", "d", "e")) {
            assertThat(endpoints.find("GET", null, "/" + word, 200).detail).isEqualTo("/" + word);
        }
        assertThat(endpoints.find("GET", null, "/f", 200).detail).isEqualTo("other");
        assertThat(endpoints.find("GET", "/orders/{id}", null, 200).detail).isEqualTo("/orders/{id}");
    }

    @Test
    void whatTheServerRefusesMakesNoEndpoint() {
        Endpoints endpoints = new Endpoints(500, ThreadCounters.PLACES);
        for (int i = 0; i < 2000; i++) {
            String word = "/wp-" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + ".php";
            int status = List.of(401, 403, 404, 405).get(i % 4);
            assertThat(endpoints.find("GET", null, word, status).detail).isEqualTo("unmatched");
        }
        assertThat(endpoints.all()).hasSize(1);
        Summary orders = endpoints.find("GET", null, "/orders/1", 200);
        assertThat(orders.detail).isEqualTo("/orders/{id}");
        assertThat(endpoints.find("GET", null, "/orders/1", 404)).isSameAs(orders);
        assertThat(endpoints.find("GET", null, "/orders/2", 401)).isSameAs(orders);
        assertThat(endpoints.find("DELETE", null, "/orders/2", 405).detail).isEqualTo("unmatched");
        // A pattern of the server's own is no guess of a client's.
        assertThat(endpoints.find("GET", "/carts/{id}", "/carts/x", 404).detail).isEqualTo("/carts/{id}");
    }

    @Test
    void whatNobodySawTheEndOfIsCountedAndInNoSumOfDurations() {
        Summary endpoint = new Summary("GET", "/", ThreadCounters.PLACES);
        Done done = done();
        done.duration = 1000;
        endpoint.add(done, 0);
        done.timed = false;
        done.duration = 50_000;
        done.failed = true;
        endpoint.add(done, 0);
        EndpointSummary event = new EndpointSummary();
        assertThat(endpoint.takeTouched()).isTrue();
        assertThat(endpoint.drainTo(event, new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS]))
                .isTrue();
        assertThat(event.count).isEqualTo(2);
        assertThat(event.untimed).isEqualTo(1);
        assertThat(event.errors).isEqualTo(1);
        assertThat(event.totalDuration).isEqualTo(1000);
        assertThat(event.maxDuration).isEqualTo(1000);
        assertThat(event.histogram).isEqualTo(Buckets.of(1000) + ":1");
    }

    @Test
    void theLongestIsThatOfAllStripesAndNothingOfASecondIsLeftForTheNext() {
        Summary endpoint = new Summary("GET", "/", ThreadCounters.PLACES);
        Done done = done();
        done.all.clear();
        done.own.clear();
        done.all.source = "perf";
        done.all.enabled = 100;
        done.all.running = 50;
        done.all.counts[ThreadCounters.CYCLES] = 7;
        for (int second = 0; second < 2; second++) {
            for (int stripe = 0; stripe < 3; stripe++) {
                done.duration = stripe == 1 ? 3000 : 1000;
                endpoint.add(done, stripe);
            }
            EndpointSummary event = new EndpointSummary();
            assertThat(endpoint.drainTo(event, new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS]))
                    .isTrue();
            assertThat(event.maxDuration).isEqualTo(3000);
            assertThat(event.count).isEqualTo(3);
            assertThat(event.measured).isEqualTo(3);
            assertThat(event.counted).isEqualTo(3);
            assertThat(event.totalCycles).isEqualTo(21);
            assertThat(event.counterRunning).isEqualTo(0.5);
            assertThat(event.counterSource).isEqualTo("perf");
            done.duration = 1000;
        }
        done.all.source = null;
        endpoint.add(done, 0);
        EndpointSummary event = new EndpointSummary();
        endpoint.drainTo(event, new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS]);
        assertThat(event.maxDuration).isEqualTo(1000);
        assertThat(event.counted).isZero();
        assertThat(event.totalCycles).isNaN();
        assertThat(event.counterRunning).isNaN();
        assertThat(event.counterSource).isEqualTo("none");
    }

    @Test
    void countersThatHadNoTurnAreNotCounted() {
        Summary endpoint = new Summary("GET", "/", ThreadCounters.PLACES);
        Done done = done();
        done.all.source = "perf";
        done.all.enabled = 100;
        endpoint.add(done, 0);
        // A span that came in the midst of a drain: it stays for the next.
        assertThat(endpoint.takeTouched()).isTrue();
        assertThat(endpoint.takeTouched()).isFalse();
        EndpointSummary event = new EndpointSummary();
        assertThat(endpoint.drainTo(event, new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS]))
                .isTrue();
        assertThat(event.counted).isZero();
        assertThat(event.counterRunning).isZero();
        assertThat(event.totalCycles).isNaN();
        assertThat(event.histogram).isEqualTo("0:1");
    }

    @Test
    void aRefusedPathBeyondTheLimitIsUnmatchedAndNotOther() {
        Endpoints endpoints = new Endpoints(1, ThreadCounters.PLACES);
        endpoints.find("GET", null, "/a", 200);
        assertThat(endpoints.find("GET", null, "/b", 200).detail).isEqualTo("other");
        assertThat(endpoints.find("GET", null, "/b", 404).detail).isEqualTo("unmatched");
    }

    @Test
    void noPartIsTakenForMoreThanTheWholeAndWhatIsNotKnownStaysSo() {
        Cost whole = new Cost(1);
        Cost part = new Cost(1);
        whole.clear();
        part.clear();
        part.cpuTime = 1;
        part.counts[0] = 1;
        part.allocated = Long.MIN_VALUE;
        whole.source = "perf";
        whole.subtract(part);
        assertThat(whole.cpuTime).isZero();
        assertThat(whole.counts[0]).isZero();
        assertThat(whole.allocated).isEqualTo(Long.MIN_VALUE);
        whole.add(part);
        assertThat(whole.source).as("of those that have one").isEqualTo("perf");
    }

    @Test
    void beyondTheLimitNamesAreOtherAndALongOneIsCutAndStaysTheSame() throws Exception {
        Summaries summaries = new Summaries(2, 0);
        String name = "x".repeat(300);
        Summary one = summaries.find(name);
        Summary two = summaries.find("two");
        assertThat(one.name).hasSize(200);
        assertThat(summaries.find("three").name).isEqualTo("other");
        assertThat(summaries.find(name)).isSameAs(one);
        assertThat(summaries.find("two")).isSameAs(two);
        assertThat(summaries.all()).containsExactly(summaries.find("four"), one, two);
    }

    @Test
    void anEndpointThatRestsGivesItsHistogramBackAndCountsOn() {
        Summary endpoint = new Summary("GET", "/", ThreadCounters.PLACES);
        Done done = done();
        for (int second = 0; second < 3; second++) {
            done.duration = 1L << (10 + second);
            endpoint.add(done, 0);
            EndpointSummary event = new EndpointSummary();
            assertThat(endpoint.takeTouched()).isTrue();
            assertThat(endpoint.drainTo(event, new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS]))
                    .isTrue();
            assertThat(event.histogram).isEqualTo(Buckets.of(done.duration) + ":1");
            assertThat(endpoint.takeTouched()).isFalse();
        }
    }

    @Test
    void tenThousandEndpointsThatRestTakeAFewTensOfMegabytesAtMost() {
        Endpoints endpoints = new Endpoints(10_000, ThreadCounters.PLACES);
        com.sun.management.ThreadMXBean bean =
                (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        List<String> names = Stream.iterate(0, i -> i + 1)
                .limit(10_000)
                .map(i -> "/" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + "/" + i)
                .toList();
        long before = bean.getCurrentThreadAllocatedBytes();
        for (String name : names) {
            Done done = done();
            done.duration = 1_000_000;
            Summary endpoint = endpoints.find("GET", name, null, 200);
            for (int stripe = 0; stripe < 8; stripe++) {
                endpoint.add(done, stripe);
            }
        }
        // All eight stripes and their histograms: the most that there can be for durations of one size.
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(10_000L * 9_000);
    }

    @Test
    void aMillionMadeUpPathsAreRememberedByAFixedNumberOfThem() {
        Endpoints endpoints = new Endpoints(50, ThreadCounters.PLACES);
        Stream.iterate(0, i -> i + 1)
                .limit(100_000)
                .forEach(i -> endpoints.find(
                        "GET", null, "/x" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + "/" + i, 200));
        assertThat(endpoints.all()).hasSizeLessThanOrEqualTo(51);
    }
}
