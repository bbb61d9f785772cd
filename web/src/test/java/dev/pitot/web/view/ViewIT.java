package dev.pitot.web.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;

/** The page in a real browser, before a real collector that watches the real shop. */
class ViewIT {
    private static final String NONE = "–";
    private static final String SHOP = "tr[data-state=live] [data-column=service] a";

    private static CollectorUnderTest collector;
    private static Browser browser;

    @BeforeAll
    static void logInByTheLink() throws Exception {
        browser = new Browser();
        collector = CollectorUnderTest.start();
        browser.emulate(1440, 900, "light");
        browser.open(collector.loginLink());
        browser.until("the fleet shows the live shop", () -> browser.text(SHOP).equals("shop"));
    }

    @AfterAll
    static void stop() throws Exception {
        try {
            if (browser != null) {
                browser.close();
            }
        } finally {
            if (collector != null) {
                collector.close();
            }
        }
    }

    @AfterEach
    void nothingIsComplainedOfAndNobodyElseIsAsked() {
        assertThat(browser.complaints()).isEmpty();
        String authority = collector.address().replaceFirst("http", "");
        assertThat(browser.requested()).isNotEmpty().allSatisfy(address -> assertThat(address)
                .matches(a -> a.startsWith("http" + authority)
                        || a.startsWith("ws" + authority)
                        || a.startsWith("blob:")
                        || a.startsWith("data:")));
    }

    private static void openFleet() {
        browser.open(collector.address() + "/#/");
        browser.until("the fleet", () -> browser.text(SHOP).equals("shop"));
    }

    private static void openShop() {
        openFleet();
        browser.click(SHOP);
        browser.until("the shop's page", () -> browser.text("h1").equals("shop"));
        browser.until(
                "live numbers",
                () -> !browser.text(legend("CPU")).isEmpty() && !value("CPU").equals(NONE));
    }

    private static String legend(String chart) {
        return "section[data-chart='" + chart + "'] .legend b";
    }

    private static String value(String chart) {
        return browser.text(legend(chart));
    }

    private static boolean scrollsSideways() {
        return (Boolean) browser.evaluate("document.documentElement.scrollWidth > innerWidth");
    }

    @Test
    void theFleetHasARowWithTheNumbersOfTheShop() {
        openFleet();
        browser.until("CPU, heap, threads and rate", () -> Set.of("cpu", "heap", "threads", "rate").stream()
                .allMatch(column -> browser.text("tr[data-state=live] td[data-column=" + column + "]")
                        .matches(".*\\d.*")));
        assertThat(browser.text("tr[data-state=live] td[data-column=state]")).isEqualTo("Live");
        assertThat(browser.driver().getTitle()).contains("live").endsWith("Pitot");
    }

    @Test
    void theFlagForAnotherServiceNamesFilesThatAreThere() throws Exception {
        openFleet();
        String flag = (String)
                browser.driver()
                        .executeAsyncScript(
                                "const done = arguments[0]; fetch('/api/v1/self').then(a => a.json()).then(self => done(self.flag))");
        Matcher parts = Pattern.compile("-javaagent:(.+?)=collector=(.+?),token-file=(.+?),service=my-service")
                .matcher(flag);
        assertThat(parts.matches()).as(flag).isTrue();
        assertThat(Path.of(parts.group(1))).isRegularFile();
        assertThat(parts.group(2)).isEqualTo(collector.address());
        assertThat(Path.of(parts.group(3))).isRegularFile();
    }

    @Test
    void theFilterIsPartOfTheAddress() {
        openFleet();
        browser.driver().findElement(By.cssSelector("input[type=search]")).sendKeys("no such service");
        browser.until("nothing matches", () -> browser.text("main").contains("No JVM matches this filter."));
        assertThat(browser.driver().getCurrentUrl()).contains("q=no+such+service");
        browser.driver().navigate().refresh();
        browser.until("still nothing matches", () -> browser.text("main").contains("No JVM matches this filter."));
    }

    @Test
    void theNumbersOfAJvmChangeEachSecond() {
        openShop();
        assertThat(browser.driver().getTitle()).startsWith("shop · live");
        for (String chart : new String[] {"Heap", "Threads", "Context switches", "CPU time"}) {
            browser.until(
                    chart + " has a value",
                    () -> !value(chart).isEmpty() && !value(chart).equals(NONE));
        }
        Set<String> seen = new HashSet<>();
        browser.until("five different values of used heap", () -> {
            seen.add(value("Heap"));
            return seen.size() >= 5;
        });
        assertThat((Boolean)
                        browser.evaluate("[...document.querySelectorAll('section[data-chart] canvas')].length >= 9"))
                .isTrue();
    }

    @Test
    void endpointsHaveRateAndLatency() {
        openShop();
        browser.until("an endpoint with a rate and a p99", () -> (Boolean)
                browser.evaluate("[...document.querySelectorAll('table[aria-label=Endpoints] tbody tr')].filter(row =>"
                        + " parseFloat(row.querySelector('[data-column=rate]').innerText) > 0"
                        + " && parseFloat(row.querySelector('[data-column=p99]').innerText) > 0).length > 2"));
        browser.click("table[aria-label=Endpoints] th[data-column=p99] button");
        assertThat(browser.driver().getCurrentUrl()).contains("sort=-p99");
        assertThat(browser.evaluate("document.querySelector('th[data-column=p99]').getAttribute('aria-sort')"))
                .isEqualTo("descending");
    }

    @Test
    void hardwareCountersAreDrawnOrTheReasonIsGiven() {
        openShop();
        browser.until("what the agent says of hardware counters", () -> {
            String said = browser.text("section[aria-labelledby=hardware]");
            return said.contains("Hardware counters: none. ") || said.contains("Instructions per cycle");
        });
        String panel = browser.text("section[aria-labelledby=hardware] .honest p");
        if (panel.isEmpty()) {
            assertThat(value("Cycles")).isNotEqualTo(NONE);
        } else {
            assertThat(panel.replace("Hardware counters: none.", "").strip())
                    .as("the reason")
                    .hasSizeGreaterThan(15);
            assertThat(browser.text("table[aria-label=Endpoints]")).doesNotContain("Cycles");
        }
    }

    @Test
    void theDownloadIsARecordingThatTheJdkReads() throws Exception {
        openShop();
        browser.click("form.download button");
        browser.until("the file", () -> browser.downloaded().isPresent());
        assertThat(browser.text(".download .said")).contains("downloaded");
        Path file = browser.downloaded().orElseThrow();
        Set<String> types = new HashSet<>();
        for (var event : RecordingFile.readAllEvents(file)) {
            types.add(event.getEventType().getName());
        }
        assertThat(types).contains("pitot.ProcessCounters", "pitot.EndpointSummary", "jdk.CPULoad");
    }

    @Test
    void theThemeFollowsTheSystemAndThenTheChoice() throws Exception {
        openShop();
        String ground = "getComputedStyle(document.body).backgroundColor";
        Object light = browser.evaluate(ground);
        browser.emulate(1440, 900, "dark");
        Object dark = browser.evaluate(ground);
        assertThat(dark).isNotEqualTo(light);
        browser.click("#theme");
        assertThat(browser.evaluate(ground)).isEqualTo(light);
        browser.driver().navigate().refresh();
        browser.until("the page again", () -> browser.text("h1").equals("shop"));
        assertThat(browser.evaluate(ground)).isEqualTo(light);
        browser.evaluate("localStorage.clear()");
        browser.emulate(1440, 900, "light");
    }

    @Test
    void noWidthScrollsThePageSideways() throws Exception {
        openShop();
        browser.until("the endpoints", () -> browser.text("main").contains("p50 to p99"));
        try {
            for (int width : new int[] {360, 768, 1440}) {
                for (String theme : new String[] {"light", "dark"}) {
                    browser.emulate(width, 900, theme);
                    browser.until("charts as wide as their panels at " + width, () -> (Boolean)
                            browser.evaluate("[...document.querySelectorAll('.plot')].every(plot => !plot.firstChild"
                                    + " || Math.abs(plot.firstChild.clientWidth - plot.clientWidth) < 2)"));
                    assertThat(scrollsSideways()).as("JVM page at %d", width).isFalse();
                    browser.screenshot("jvm-" + width + "-" + theme);
                }
            }
            openFleet();
            for (int width : new int[] {360, 768, 1440}) {
                browser.emulate(width, 700, "light");
                assertThat(scrollsSideways()).as("fleet at %d", width).isFalse();
                browser.screenshot("fleet-" + width);
            }
        } finally {
            browser.emulate(1440, 900, "light");
        }
    }

    @Test
    void aWrongTokenIsRefusedInASentenceAndLogOutEndsTheSession() throws Exception {
        try (Browser stranger = new Browser()) {
            stranger.open(collector.address() + "/");
            stranger.until("the login form", () -> stranger.text("main").contains("Log in to Pitot"));
            stranger.driver().findElement(By.id("token")).sendKeys("wrong" + Keys.ENTER);
            stranger.until(
                    "the refusal", () -> stranger.text("[role=alert]").startsWith("This is not the view token."));
            stranger.driver().findElement(By.id("token")).clear();
            stranger.driver().findElement(By.id("token")).sendKeys(collector.viewToken() + Keys.ENTER);
            stranger.until("the fleet", () -> stranger.text(SHOP).equals("shop"));
            stranger.click("#logout");
            stranger.until("the login form again", () -> stranger.text("main").contains("Log in to Pitot"));
            stranger.open(collector.address() + "/");
            stranger.until("no session is left", () -> stranger.text("main").contains("Log in to Pitot"));
            stranger.open(collector.loginLink());
            stranger.until(
                    "a used link says so", () -> stranger.text("[role=alert]").startsWith("This login link"));
            stranger.screenshot("login");
        }
    }
}
