package dev.pitot.web.view;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.openqa.selenium.JavascriptExecutor;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LoggingPreferences;

/** A headless Chromium with an empty profile, driven by the chromedriver of this machine: nothing is downloaded. */
final class Browser implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** It would warn of each Chromium newer than itself; of its DevTools only stable commands are used here. */
    private static final Logger DEVTOOLS = Logger.getLogger("org.openqa.selenium.devtools");

    static {
        DEVTOOLS.setLevel(Level.SEVERE);
    }

    private final Path profile;
    private final Path downloads;
    private final ChromeDriver driver;
    private final List<String> addresses = new ArrayList<>();

    Browser() throws IOException {
        assumeFalse("skip".equals(System.getProperty("pitot.test.browser")), "skipped by -Dpitot.test.browser=skip");
        Optional<Path> chromium = onPath("chromium", "chromium-browser", "google-chrome");
        Optional<Path> chromedriver = onPath("chromedriver");
        if (chromium.isEmpty() || chromedriver.isEmpty()) {
            throw new IllegalStateException(
                    "The tests of the page need chromium and chromedriver on PATH: install the packages"
                            + " chromium and chromium-driver (Debian; elsewhere chromium or google-chrome with its chromedriver),"
                            + " or leave these tests out with -Dpitot.test.browser=skip.");
        }
        profile = Files.createTempDirectory("pitot-view-profile");
        downloads = Files.createTempDirectory("pitot-view-downloads");
        LoggingPreferences logs = new LoggingPreferences();
        logs.enable("browser", Level.ALL);
        logs.enable("performance", Level.ALL);
        ChromeOptions options = new ChromeOptions();
        options.setBinary(chromium.get().toFile());
        options.addArguments(
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--user-data-dir=" + profile);
        options.setExperimentalOption(
                "prefs",
                Map.of("download.default_directory", downloads.toString(), "download.prompt_for_download", false));
        options.setCapability("goog:loggingPrefs", logs);
        driver = new ChromeDriver(
                new ChromeDriverService.Builder()
                        .usingDriverExecutable(chromedriver.get().toFile())
                        .usingAnyFreePort()
                        .build(),
                options);
    }

    private static Optional<Path> onPath(String... names) {
        return Stream.of(names)
                .flatMap(name -> Stream.of(System.getenv("PATH").split(File.pathSeparator))
                        .map(folder -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    ChromeDriver driver() {
        return driver;
    }

    void open(String address) {
        driver.get(address);
    }

    /** The value of a JavaScript expression. */
    Object evaluate(String expression, Object... arguments) {
        return ((JavascriptExecutor) driver).executeScript("return " + expression, arguments);
    }

    /** What a script hands to {@code done}; it may await. */
    Object await(String script, Object... arguments) {
        return driver.executeAsyncScript(
                "const done = arguments[arguments.length - 1]; const given = [...arguments];" + " (async () => {"
                        + script + "})().then(done, failure => done('failed: ' + failure))",
                arguments);
    }

    /** The text of the first element a selector finds; empty when there is none. */
    String text(String selector) {
        return Objects.toString(evaluate("document.querySelector(arguments[0])?.innerText ?? ''", selector), "");
    }

    void click(String selector) {
        driver.findElement(org.openqa.selenium.By.cssSelector(selector)).click();
    }

    /** Waits until the page is as said; the page may replace elements meanwhile. */
    void until(String what, Callable<Boolean> condition) {
        Awaitility.await(what)
                .atMost(Duration.ofSeconds(60))
                // Most come within some frames.
                .pollInterval(Duration.ofMillis(25))
                .ignoreException(StaleElementReferenceException.class)
                .until(condition);
    }

    /** A window of this many CSS pixels, and the system's preference of theme. */
    void emulate(int width, int height, String theme) {
        driver.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
        driver.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", theme))));
    }

    /** The whole page, beyond the window too, as {@code target/screenshots/<name>.png}. */
    void screenshot(String name) throws IOException {
        long width = ((Number) evaluate("innerWidth")).longValue();
        long height = ((Number) evaluate("document.documentElement.scrollHeight")).longValue();
        Map<String, Object> clip = Map.of("x", 0, "y", 0, "width", width, "height", height, "scale", 1);
        Map<String, Object> shot = driver.executeCdpCommand(
                "Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", true, "clip", clip));
        Path folder = Files.createDirectories(Path.of("target", "screenshots"));
        Files.write(folder.resolve(name + ".png"), Base64.getDecoder().decode((String) shot.get("data")));
    }

    /** Warnings and errors of the console since the last call. */
    List<String> complaints() {
        return driver.manage().logs().get("browser").getAll().stream()
                .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
                .map(LogEntry::getMessage)
                .toList();
    }

    /** Addresses of all requests and WebSockets of the page so far. */
    List<String> requested() {
        for (LogEntry entry : driver.manage().logs().get("performance")) {
            try {
                JsonNode message = JSON.readTree(entry.getMessage()).path("message");
                switch (message.path("method").asText()) {
                    case "Network.requestWillBeSent" -> {
                        // The empty tab that the browser begins with asks for files of its own.
                        if (!message.at("/params/documentURL").asText().startsWith("chrome:")) {
                            addresses.add(message.at("/params/request/url").asText());
                        }
                    }
                    case "Network.webSocketCreated" ->
                        addresses.add(message.at("/params/url").asText());
                    default -> {}
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return addresses;
    }

    /** The finished download, if there is one. */
    Optional<Path> downloaded() throws IOException {
        try (Stream<Path> files = Files.list(downloads)) {
            return files.filter(file -> file.toString().endsWith(".jfr")).findFirst();
        }
    }

    @Override
    public void close() throws IOException {
        driver.quit();
        for (Path folder : List.of(profile, downloads)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }
}
