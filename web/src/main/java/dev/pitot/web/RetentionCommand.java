package dev.pitot.web;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.pitot.web.access.Tokens;
import dev.pitot.web.live.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code retention}: shows and sets how long a running collector keeps what it stores. */
@Command(
        name = "retention",
        description = "Shows how long a running collector keeps each tier, and changes it with --set and --reset.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        usageHelpAutoWidth = true)
final class RetentionCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final String PATH = "/api/v1/settings/retention";

    @Option(
            names = "--set",
            paramLabel = "TIER=AGE",
            split = ",",
            description =
                    "Ages, such as events=12h,segments=3d. Tiers: events, segments, blocks, minutes, quarters, hours.")
    Map<String, String> set = new LinkedHashMap<>();

    @Option(
            names = "--reset",
            paramLabel = "TIER",
            split = ",",
            description = "Tiers that are to be kept as if nobody had set them.")
    List<String> reset = new ArrayList<>();

    @Option(
            names = "--service",
            paramLabel = "NAME",
            description = "Set or reset it for this service alone, which can only be kept shorter than the others.")
    @Nullable
    String service;

    @Option(
            names = "--collector",
            paramLabel = "URL",
            defaultValue = "http://127.0.0.1:7070",
            description = "Address of the collector. Default: ${DEFAULT-VALUE}.")
    String collector = "http://127.0.0.1:7070";

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "File whose first line is the admin token (to look, the view token is enough)."
                    + " Default: admin.token in the data folder.")
    @Nullable
    Path tokenFile;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "The collector's data folder, where that is not the default one.")
    @Nullable
    Path data;

    @Option(names = "--debug", description = "Show where a failure came from.")
    boolean debug;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        if (service != null && set.isEmpty() && reset.isEmpty()) {
            throw CommandFailure.badInput(
                    "--service belongs to --set or --reset; without them all services are shown.");
        }
        URI address = address();
        String token = token();
        String answer;
        if (set.isEmpty() && reset.isEmpty()) {
            answer = ask(request(address, token).GET());
        } else {
            answer = ask(request(address, token)
                    .header("Content-Type", "application/json")
                    .PUT(HttpRequest.BodyPublishers.ofString(body())));
        }
        try {
            print(Json.MAPPER.readTree(answer), spec.commandLine().getOut());
        } catch (JsonProcessingException notOurs) {
            throw CommandFailure.failed(collector + " answers, but is no collector of this version.", notOurs);
        }
        return 0;
    }

    private URI address() {
        try {
            URI uri = URI.create(collector.replaceAll("/+$", "") + PATH);
            if (uri.getHost() != null && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
                return uri;
            }
        } catch (IllegalArgumentException noAddress) {
            // As an address without a host.
        }
        throw CommandFailure.badInput(
                "--collector " + collector + " is no address; write it as http://127.0.0.1:7070.");
    }

    private String token() {
        Path file = tokenFile;
        if (file == null) {
            Path folder = data != null
                    ? data
                    : CollectorOptions.defaultFolder(
                            System.getenv(), System.getProperty("user.name"), System.getProperty("user.home"));
            file = folder.resolve(Tokens.ADMIN_FILE);
        }
        try {
            return Files.readString(file).lines().findFirst().orElse("").strip();
        } catch (IOException e) {
            throw CommandFailure.badInput("The token in " + file
                    + " cannot be read; name the collector's folder with --data, or the file with --token-file.");
        }
    }

    private String body() {
        ObjectNode body = Json.MAPPER.createObjectNode();
        if (service != null) {
            body.put("service", service);
        }
        ObjectNode ages = body.putObject("ages");
        set.forEach(ages::put);
        reset.forEach(ages::putNull);
        return body.toString();
    }

    private static HttpRequest.Builder request(URI address, String token) {
        try {
            return HttpRequest.newBuilder(address).timeout(PATIENCE).header("Authorization", "Bearer " + token);
        } catch (IllegalArgumentException noHeader) {
            throw CommandFailure.badInput("The token file holds no token; its first line is to be the admin token.");
        }
    }

    private String ask(HttpRequest.Builder request) throws InterruptedException {
        HttpResponse<String> response;
        try {
            response = HttpClient.newBuilder()
                    .connectTimeout(PATIENCE)
                    .build()
                    .send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "No collector answers at " + collector
                            + "; start it with 'java -jar pitot.jar serve', or give its address with --collector.",
                    e);
        }
        if (response.statusCode() == 200) {
            return response.body();
        }
        String sentence = null;
        try {
            sentence = Json.MAPPER.readTree(response.body()).path("error").asText(null);
        } catch (JsonProcessingException notOurs) {
            // Told by its status.
        }
        if (sentence == null) {
            sentence = collector + " answers with status " + response.statusCode() + "; is it the collector?";
        }
        throw response.statusCode() == 400 ? CommandFailure.badInput(sentence) : CommandFailure.failed(sentence, null);
    }

    private static void print(JsonNode settings, PrintWriter out) {
        out.printf("%-10s %-8s %-8s %s%n", "tier", "kept", "default", "set by");
        for (JsonNode tier : settings.path("tiers")) {
            out.printf(
                    "%-10s %-8s %-8s %s%n",
                    tier.path("tier").asText(),
                    tier.path("age").asText(),
                    tier.path("standard").asText(),
                    tier.path("changedBy").isNull()
                            ? ""
                            : tier.path("changedBy").asText());
        }
        if (!settings.path("services").isEmpty()) {
            out.println();
            out.println("Services that are kept shorter:");
            for (Map.Entry<String, JsonNode> service : settings.path("services").properties()) {
                StringBuilder ages = new StringBuilder();
                for (Map.Entry<String, JsonNode> age : service.getValue().properties()) {
                    ages.append(ages.isEmpty() ? "" : ", ")
                            .append(age.getKey())
                            .append(' ')
                            .append(age.getValue().asText());
                }
                out.println("  " + service.getKey() + ": " + ages);
            }
        }
        out.flush();
    }
}
