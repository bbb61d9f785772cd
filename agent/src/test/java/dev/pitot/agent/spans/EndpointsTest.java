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
                int stripe = 0;
                for (int i = 0; i < each; i++) {
                    stripe = endpoint.add(stripe, 1000, (i & 1) == 0, 10, 20, null);
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
        Endpoint first = endpoints.find("GET", "/a", null);
        endpoints.find("POST", "/a", null);
        endpoints.find("GET", null, "/b");
        for (String word : List.of("c", "d", "e")) {
            assertThat(endpoints.find("GET", null, "/" + word).route).isEqualTo("other");
        }
        assertThat(endpoints.find("PUT", "/a", null).route).isEqualTo("other");
        assertThat(endpoints.find("GET", "/a", null)).isSameAs(first);
        assertThat(endpoints.find("PROPFIND", "/a", null).method).isEqualTo("OTHER");
        assertThat(endpoints.find("get\r\nx", "/a", null).method).isEqualTo("OTHER");
        assertThat(endpoints.all()).hasSize(3 + 3);
    }

    @Test
    void aMillionMadeUpPathsAreRememberedByAFixedNumberOfThem() {
        Endpoints endpoints = new Endpoints(50);
        Stream.iterate(0, i -> i + 1)
                .limit(100_000)
                .forEach(i -> endpoints.find(
                        "GET", null, "/x" + Integer.toString(i, 26).replaceAll("[0-9]", "q") + "/" + i));
        assertThat(endpoints.all()).hasSizeLessThanOrEqualTo(51);
    }
}
