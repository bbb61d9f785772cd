package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.events.EndpointSummary;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class EndpointsTest {
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
        Endpoint endpoint = new Endpoint("GET", "/");
        int each = 200_000;
        List<Thread> writers = new ArrayList<>();
        for (int w = 0; w < 4; w++) {
            Thread writer = new Thread(() -> {
                Span span = new Span(true, null, 0);
                span.duration = 1000;
                span.cpuTime = 10;
                span.allocated = 20;
                for (int i = 0; i < each; i++) {
                    span.failed = (i & 1) == 0;
                    endpoint.add(span);
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
                if (endpoint.drainTo(event, scratch)) {
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
        Endpoints endpoints = new Endpoints(3);
        Endpoint first = endpoints.find("GET", "/a", null, 200);
        endpoints.find("POST", "/a", null, 200);
        endpoints.find("GET", "/b", null, 200);
        assertThat(endpoints.find("PUT", "/a", null, 200).route).isEqualTo("other");
        assertThat(endpoints.find("GET", "/c", null, 200).route).isEqualTo("other");
        assertThat(endpoints.find("GET", "/a", null, 200)).isSameAs(first);
        assertThat(endpoints.find("PROPFIND", "/a", null, 200).method).isEqualTo("OTHER");
        assertThat(endpoints.find("get\r\nx", "/a", null, 200).method).isEqualTo("OTHER");
        assertThat(endpoints.all()).hasSize(3 + 3);
    }

    @Test
    void madeUpPathsTakeNoPlaceOfTheServersPatterns() {
        Endpoints endpoints = new Endpoints(3);
        for (String word : List.of("c", "d", "e")) {
            assertThat(endpoints.find("GET", null, "/" + word, 200).route).isEqualTo("/" + word);
        }
        assertThat(endpoints.find("GET", null, "/f", 200).route).isEqualTo("other");
        assertThat(endpoints.find("GET", "/orders/{id}", null, 200).route).isEqualTo("/orders/{id}");
    }

    @Test
    void whatTheServerRefusesMakesNoEndpoint() {
        Endpoints endpoints = new Endpoints(500);
        for (int i = 0; i < 2000; i++) {
            String word = "/wp-" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + ".php";
            int status = List.of(401, 403, 404, 405).get(i % 4);
            assertThat(endpoints.find("GET", null, word, status).route).isEqualTo("unmatched");
        }
        assertThat(endpoints.all()).hasSize(1);
        Endpoint orders = endpoints.find("GET", null, "/orders/1", 200);
        assertThat(orders.route).isEqualTo("/orders/{id}");
        assertThat(endpoints.find("GET", null, "/orders/1", 404)).isSameAs(orders);
        assertThat(endpoints.find("GET", null, "/orders/2", 401)).isSameAs(orders);
        assertThat(endpoints.find("DELETE", null, "/orders/2", 405).route).isEqualTo("unmatched");
        // A pattern of the server's own is no guess of a client's.
        assertThat(endpoints.find("GET", "/carts/{id}", "/carts/x", 404).route).isEqualTo("/carts/{id}");
    }

    @Test
    void theDurationOfAnAsynchronousRequestIsInNoSum() {
        Endpoint endpoint = new Endpoint("GET", "/");
        Span span = new Span(true, null, 0);
        span.duration = 1000;
        endpoint.add(span);
        span.async = true;
        span.duration = 50_000;
        span.failed = true;
        endpoint.add(span);
        EndpointSummary event = new EndpointSummary();
        assertThat(endpoint.takeTouched()).isTrue();
        assertThat(endpoint.drainTo(event, new int[Buckets.COUNT])).isTrue();
        assertThat(event.count).isEqualTo(2);
        assertThat(event.async).isEqualTo(1);
        assertThat(event.errors).isEqualTo(1);
        assertThat(event.totalDuration).isEqualTo(1000);
        assertThat(event.maxDuration).isEqualTo(1000);
        assertThat(event.histogram).isEqualTo(Buckets.of(1000) + ":1");
    }

    @Test
    void anEndpointThatRestsGivesItsHistogramBackAndCountsOn() {
        Endpoint endpoint = new Endpoint("GET", "/");
        Span span = new Span(true, null, 0);
        for (int second = 0; second < 3; second++) {
            span.duration = 1L << (10 + second);
            endpoint.add(span);
            EndpointSummary event = new EndpointSummary();
            assertThat(endpoint.takeTouched()).isTrue();
            assertThat(endpoint.drainTo(event, new int[Buckets.COUNT])).isTrue();
            assertThat(event.histogram).isEqualTo(Buckets.of(span.duration) + ":1");
            assertThat(endpoint.takeTouched()).isFalse();
        }
    }

    @Test
    void tenThousandEndpointsThatRestTakeAFewTensOfMegabytesAtMost() {
        Endpoints endpoints = new Endpoints(10_000);
        com.sun.management.ThreadMXBean bean =
                (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        List<String> names = Stream.iterate(0, i -> i + 1)
                .limit(10_000)
                .map(i -> "/" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + "/" + i)
                .toList();
        long before = bean.getCurrentThreadAllocatedBytes();
        for (String name : names) {
            Span span = new Span(true, null, 0);
            span.duration = 1_000_000;
            Endpoint endpoint = endpoints.find("GET", name, null, 200);
            for (span.stripe = 0; span.stripe < 8; span.stripe++) {
                endpoint.add(span);
            }
        }
        // All eight stripes and their histograms: the most that there can be for durations of one size.
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(10_000L * 5_500);
    }

    @Test
    void aMillionMadeUpPathsAreRememberedByAFixedNumberOfThem() {
        Endpoints endpoints = new Endpoints(50);
        Stream.iterate(0, i -> i + 1)
                .limit(100_000)
                .forEach(i -> endpoints.find(
                        "GET", null, "/x" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + "/" + i, 200));
        assertThat(endpoints.all()).hasSizeLessThanOrEqualTo(51);
    }
}
