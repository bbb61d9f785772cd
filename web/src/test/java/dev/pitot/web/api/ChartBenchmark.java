package dev.pitot.web.api;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How long a collector takes to answer, by HTTP: the first answer, and the median and 95th percentile of 30 more. No part of the
 * test run; its database is made by {@code ChartDatabase}.
 *
 * <p>Arguments: address of the collector, view token, and the paths to ask for; without any, charts and rankings.
 */
final class ChartBenchmark {
    private static final int RUNS = 30;

    private ChartBenchmark() {}

    public static void main(String[] args) throws Exception {
        List<String> paths = args.length > 2 ? Arrays.asList(args).subList(2, args.length) : charts();
        HttpClient client = HttpClient.newHttpClient();
        System.out.println("| question | first, ms | p50 | p95 | KB |\n| --- | --- | --- | --- | --- |");
        for (String path : paths) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(args[0] + path))
                    .header("Authorization", "Bearer " + args[1])
                    .build();
            double[] millis = new double[RUNS + 1];
            int bytes = 0;
            for (int i = 0; i <= RUNS; i++) {
                long start = System.nanoTime();
                HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
                millis[i] = (System.nanoTime() - start) / 1e6;
                bytes = response.body().length();
                if (response.statusCode() != 200) {
                    throw new IllegalStateException(path + ": " + response.statusCode() + " " + response.body());
                }
            }
            double first = millis[0];
            double[] rest = Arrays.copyOfRange(millis, 1, millis.length);
            Arrays.sort(rest);
            System.out.printf(
                    Locale.ROOT,
                    "| `%s` | %.1f | %.1f | %.1f | %d |%n",
                    path.replace("/api/v1/", ""),
                    first,
                    rest[RUNS / 2],
                    rest[RUNS * 95 / 100],
                    bytes / 1000);
        }
    }

    private static List<String> charts() {
        long now = System.currentTimeMillis();
        List<String> paths = new ArrayList<>();
        // md5('jvm1') as ChartDatabase names its first JVM.
        for (String who : List.of("jvm=" + FIRST_JVM, "service=service-0", "")) {
            for (String metric : List.of("ipc", "pitot.JvmMemory.heapUsed", "endpoint.duration&agg=p99")) {
                for (int hours : new int[] {1, 24, 7 * 24, 30 * 24}) {
                    paths.add("/api/v1/metrics/range?metric=" + metric + "&" + who + (who.isEmpty() ? "" : "&")
                            + "from=" + (now - hours * 3_600_000L));
                }
            }
        }
        for (String top :
                List.of("endpoint.cpuCores&by=endpoint", "endpoint.allocationRate&by=jvm", "cpuCores&by=jvm")) {
            paths.add("/api/v1/top?metric=" + top);
            paths.add("/api/v1/top?metric=" + top + "&from=" + (now - 86_400_000L));
        }
        return paths;
    }

    private static final String FIRST_JVM = "31135634-d844-f65c-c31c-7c6ec82d780f";
}
