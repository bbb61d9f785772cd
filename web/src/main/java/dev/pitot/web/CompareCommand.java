package dev.pitot.web;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.pitot.web.access.Tokens;
import dev.pitot.web.compare.Comparison;
import dev.pitot.web.compare.Gate;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
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

/**
 * {@code compare}: asks a collector whether B costs more than A, and fails a build that does. Exit codes: 0 passed, 1 a condition
 * failed, 2 the input is wrong or a condition could not be judged.
 */
@Command(
        name = "compare",
        description = "Says what changed between two versions or windows, and whether that is more than chance.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        usageHelpAutoWidth = true)
final class CompareCommand implements Callable<Integer> {
    private static final ObjectMapper JSON =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private static final int MOST_CHANGES = 20_000;
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    enum Format {
        text,
        json,
        markdown
    }

    @Option(
            names = "--a",
            required = true,
            paramLabel = "SIDE",
            description =
                    "Before: jvm=ID, service=NAME or labels NAME=VALUE, and FROM..TO; such as version=1.4,-2h..-1h.")
    String a = "";

    @Option(names = "--b", required = true, paramLabel = "SIDE", description = "After, in the same form.")
    String b = "";

    @Option(names = "--window", paramLabel = "FROM..TO", description = "Of sides that have none of their own.")
    @Nullable
    String window;

    @Option(
            names = "--warmup",
            paramLabel = "D",
            description = "Leave out what each JVM did so long after its start, such as 30s.")
    @Nullable
    String warmup;

    @Option(
            names = "--min-change",
            paramLabel = "PERCENT",
            description = "Changes below are not worth a verdict. Default: 1%%.")
    @Nullable
    String minChange;

    @Option(
            names = "--fail-on",
            paramLabel = "CONDITION",
            description = "Exit with 1 if it holds, such as 'endpoint:GET /checkout cpu > +5%% significant'.")
    List<String> failOn = new ArrayList<>();

    @Option(
            names = "--allow-missing",
            description = "A condition that cannot be judged passes, instead of exit code 2.")
    boolean allowMissing;

    @Option(names = "--format", paramLabel = "F", description = "${COMPLETION-CANDIDATES}. Default: text.")
    Format format = Format.text;

    @Option(names = "--all", description = "Show figures without a clear change too.")
    boolean all;

    @Option(
            names = "--collector",
            paramLabel = "URL",
            defaultValue = "http://127.0.0.1:7070",
            description = "Default: ${DEFAULT-VALUE}.")
    String collector = "";

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "File with the view token. Default: view.token in the data folder of this user's collector.")
    @Nullable
    Path tokenFile;

    @Option(names = "--debug", description = "Show where a failure came from.")
    boolean debug;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        List<Gate> gates = gates();
        String answer = ask();
        Comparison comparison = read(answer);
        List<Gate.Result> results =
                gates.stream().map(gate -> gate.judge(comparison.changes())).toList();
        PrintWriter out = spec.commandLine().getOut();
        out.print(
                format == Format.json
                        ? json(answer, results)
                        : new CompareText(comparison, results, format == Format.markdown, all));
        out.flush();
        boolean failed = results.stream().anyMatch(one -> one.outcome() == Gate.Outcome.FAILED);
        boolean unknown =
                results.stream().anyMatch(one -> one.outcome() == Gate.Outcome.UNKNOWN) || comparison.tested() == 0;
        return failed ? 1 : unknown && !allowMissing ? 2 : 0;
    }

    private List<Gate> gates() {
        try {
            return failOn.stream().map(Gate::parse).toList();
        } catch (IllegalArgumentException e) {
            throw CommandFailure.badInput(String.valueOf(e.getMessage()));
        }
    }

    private String ask() throws InterruptedException {
        Map<String, @Nullable String> parameters = new LinkedHashMap<>();
        parameters.put("a", a);
        parameters.put("b", b);
        parameters.put("window", window);
        parameters.put("warmup", warmup);
        parameters.put("minChange", minChange);
        parameters.put("limit", String.valueOf(MOST_CHANGES));
        StringBuilder address = new StringBuilder(collector.replaceAll("/+$", "")).append("/api/v1/compare?");
        parameters.forEach((name, value) -> {
            if (value != null) {
                address.append(name)
                        .append('=')
                        .append(URLEncoder.encode(value, StandardCharsets.UTF_8))
                        .append('&');
            }
        });
        HttpResponse<String> response;
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create(address.substring(0, address.length() - 1)))
                    .header("Authorization", "Bearer " + token())
                    .timeout(PATIENCE)
                    .build();
            response = HttpClient.newBuilder()
                    .connectTimeout(Duration.ofSeconds(10))
                    .build()
                    .send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IllegalArgumentException e) {
            throw CommandFailure.badInput(
                    "--collector must be a URL such as http://127.0.0.1:7070, not '" + collector + "'.");
        } catch (IOException e) {
            throw CommandFailure.badInput("The collector at " + collector + " does not answer ("
                    + e.getClass().getSimpleName() + "); is --collector right, and does it run?");
        }
        if (response.statusCode() != 200) {
            throw CommandFailure.badInput(sentence(response));
        }
        return response.body();
    }

    private String sentence(HttpResponse<String> response) {
        try {
            JsonNode error = JSON.readTree(response.body()).path("error");
            if (error.isTextual()) {
                return error.asText();
            }
        } catch (JsonProcessingException none) {
            // Somebody else answers there.
        }
        return collector + " answered with status " + response.statusCode() + "; is it a collector of this version?";
    }

    private String token() {
        Path file = tokenFile != null
                ? tokenFile
                : new CollectorOptions().dataFolder().resolve(Tokens.VIEW_FILE);
        try {
            return Files.readString(file).lines().findFirst().orElse("").strip();
        } catch (IOException e) {
            throw CommandFailure.badInput("The view token cannot be read (" + CommandFailure.reason(e)
                    + "); name its file with --token-file.");
        }
    }

    private Comparison read(String answer) {
        try {
            return JSON.readValue(answer, Comparison.class);
        } catch (JsonProcessingException e) {
            throw CommandFailure.badInput(
                    collector + " did not answer with a comparison; is it a collector of this version?");
        }
    }

    private static String json(String answer, List<Gate.Result> results) {
        try {
            ObjectNode whole = (ObjectNode) JSON.readTree(answer);
            var conditions = whole.putArray("conditions");
            for (Gate.Result result : results) {
                ObjectNode one = conditions.addObject();
                one.put("condition", result.gate().text());
                one.put("outcome", result.outcome().name().toLowerCase(java.util.Locale.ROOT));
                one.set("failing", JSON.valueToTree(result.failing()));
            }
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(whole) + System.lineSeparator();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("read before, and now no JSON", e);
        }
    }
}
