package dev.pitot.web.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
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
import org.openqa.selenium.interactions.Actions;

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

    /** Draws a chart of the page from given samples: top of its scale, newest values, and what is drawn. */
    private static Map<?, ?> draw(String list, String title, String t, String fields) {
        return (Map<?, ?>) browser.await(
                "const load = name => import(location.origin + '/' + name + '.js');"
                        + "const [{ Chart }, { Series }, panels] = await Promise.all(['chart', 'series', 'panels'].map(load));"
                        + "const [, spec] = panels[given[0]].find(([, spec]) => spec.title === given[1]);"
                        + "const chart = new Chart(spec, 'test', () => {});"
                        + "document.querySelector('.grid').append(chart.element);"
                        + "const series = new Series(1e6);"
                        + "const t = JSON.parse(given[2]);"
                        + "series.merge(t, JSON.parse(given[3]));"
                        + "chart.update(series, t[0], t[t.length - 1]);"
                        + "await new Promise(requestAnimationFrame);"
                        + "const said = { top: chart.plot.scales.y.max, legend: chart.element.querySelector('.legend').innerText,"
                        + " drawn: chart.plot.data.slice(1).map(column => [...column].map(String).join(' ')) };"
                        + "chart.close(); chart.element.remove(); return said;",
                list,
                title,
                t,
                fields);
    }

    @Test
    void aBusyMachineDoesNotPressTheJvmsCpuFlat() {
        openShop();
        Map<?, ?> cpu = draw(
                "OVERVIEW",
                "CPU",
                "[1000, 2000, 3000]",
                "{\"jvmUser\": [0.02, 0.03, 0.02], \"jvmSystem\": [0.01, 0.01, 0.01], \"machineTotal\": [1, 0.9, 1]}");
        assertThat(((Number) cpu.get("top")).doubleValue()).isBetween(0.04, 0.1);
        assertThat((String) cpu.get("legend"))
                .contains("JVM 3.00", "of it system 1.00", "whole machine 100\u202f%\u202f↑");
        assertThat(cpu.get("drawn")).asList().contains("0.01 0.01 0.01");
    }

    @Test
    void theLastMillisecondsOfAJvmAreNoRate() {
        openShop();
        Map<?, ?> switches = draw(
                "SOFTWARE",
                "Context switches",
                "[1000, 2000, 2010]",
                "{\"interval\": [1e9, 1e9, 1e7], \"voluntaryContextSwitches\": [100, 110, 30],"
                        + " \"involuntaryContextSwitches\": [1, 2, 1]}");
        assertThat(switches.get("drawn")).asList().containsExactly("100 110 null", "1 2 null");
    }

    @Test
    void latencyBarsHaveALogarithmicScale() {
        openShop();
        Object widths = browser.await("const load = name => import(location.origin + '/' + name + '.js');"
                + "const [{ Table }, { endpointColumns, hideAbsent }] = await Promise.all(['table', 'endpoints'].map(load));"
                + "const table = new Table('test', endpointColumns(), row => row.route, '-rate', () => {});"
                + "const rows = [[1, 2], [50, 100], [5000, 10000]].map(([p50, p99], i) => ({ route: '/' + i, method: 'GET', p50, p99 }));"
                + "hideAbsent(table, rows, []);"
                + "table.update(rows);"
                + "return [...table.element.querySelectorAll('.range i')].map(bar => bar.style.width).join(' ');");
        // Each p99 is twice its p50: the bars are of one length, whatever stands beside them.
        assertThat((String) widths).matches("(\\d+\\.\\d%) \\1 \\1");
    }

    @Test
    void rowsStayWhereTheyAreWhilePointedAt() {
        openShop();
        browser.await("const { Table } = await import(location.origin + '/table.js');"
                + "const column = key => ({ key, label: key, value: row => row[key], text: row => String(row[key]) });"
                + "window.table = new Table('test', [column('name'), column('n')], row => row.name, '-n', () => {});"
                + "document.querySelector('.page').prepend(table.element);"
                + "scrollTo(0, 0);"
                + "table.update([{ name: 'a', n: 2 }, { name: 'b', n: 1 }]);");
        String names =
                "[...table.element.querySelectorAll('tbody td:first-child')].map(cell => cell.innerText).join('')";
        Actions pointer = new Actions(browser.driver());
        pointer.moveToElement(browser.driver().findElement(By.cssSelector("table[aria-label=test] tbody tr")))
                .perform();
        browser.evaluate("table.update([{ name: 'a', n: 2 }, { name: 'b', n: 3 }, { name: 'c', n: 9 }])");
        assertThat(browser.evaluate(names)).isEqualTo("abc");
        pointer.moveToElement(browser.driver().findElement(By.cssSelector(".brand")))
                .perform();
        browser.evaluate("table.update([{ name: 'a', n: 2 }, { name: 'b', n: 3 }, { name: 'c', n: 9 }])");
        assertThat(browser.evaluate(names)).isEqualTo("cba");
    }

    @Test
    void allCardsBeginAtOneEdge() {
        openShop();
        browser.until("the endpoints", () -> browser.text("main").contains("p50 to p99"));
        browser.until("the agent", () -> !browser.text(".parts").isEmpty());
        Object edges = browser.evaluate(
                "[...document.querySelectorAll('.grid .panel:first-child h3, .grid .panel:first-child .legend, .scroll th:first-child button,"
                        + " .scroll td:first-child, .honest, .parts li')].map(element => { const range = document.createRange();"
                        + " range.selectNodeContents(element); return Math.round(range.getClientRects()[0].left); })");
        assertThat(new HashSet<>((List<?>) edges)).as("left edges " + edges).hasSize(1);
    }
}
