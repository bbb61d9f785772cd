package dev.pitot.web.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordingFile;
import org.awaitility.Awaitility;
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
    private static Gate gate;
    private static Browser browser;

    @BeforeAll
    static void logInByTheLink() throws Exception {
        browser = new Browser();
        collector = CollectorUnderTest.start();
        gate = new Gate(collector.address());
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
            if (gate != null) {
                gate.close();
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
        assertThat(browser.requested()).isNotEmpty().allSatisfy(address -> assertThat(address)
                .matches(a -> a.startsWith("data:")
                        || Stream.of(collector.address(), gate.address())
                                .anyMatch(own -> a.startsWith(own) || a.startsWith(own.replaceFirst("http", "ws")))));
    }

    private static void openFleet() {
        openFleet(collector.address());
    }

    private static void openFleet(String address) {
        // Away first: another path after the hash alone would not load the page anew.
        browser.open("about:blank");
        browser.open(address + "/#/");
        browser.until("the fleet", () -> browser.text(SHOP).equals("shop"));
    }

    private static void openShop() {
        openShop(collector.address());
    }

    /** @return its path in the page */
    private static String openShop(String address) {
        openFleet(address);
        String path = (String) browser.evaluate("document.querySelector(arguments[0]).getAttribute('href')", SHOP);
        browser.click(SHOP);
        browser.until("the shop's page", () -> browser.text("h1").equals("shop"));
        browser.until(
                "live numbers",
                () -> !browser.text(legend("CPU")).isEmpty() && !value("CPU").equals(NONE));
        return path;
    }

    private interface Trouble {
        void happens() throws Exception;
    }

    /** Afterwards the gate lets all pass again, and what the console said of it is forgotten. */
    private static void through(Trouble trouble) throws Exception {
        try {
            trouble.happens();
        } finally {
            gate.behave();
            browser.open("about:blank");
            browser.complaints();
        }
    }

    /** Sets the clock of the page forward and waits until the page has looked at it. */
    private static void jump(long millis) {
        browser.evaluate(
                "((ahead, now) => { Date.now = () => now() + ahead; clearInterval(window.ticker); window.ticks = 0;"
                        + " window.ticker = setInterval(() => window.ticks++, 1000); })(arguments[0], Date.now)",
                millis);
        ticks(2);
    }

    private static void ticks(long number) {
        browser.until("the page's clock", () -> (Long) browser.evaluate("window.ticks") >= number);
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
        browser.click("#add");
        browser.until(
                "the collector's own flag", () -> browser.text("dialog pre").startsWith("-javaagent:/"));
        String flag = browser.text("dialog pre");
        Matcher parts = Pattern.compile("-javaagent:(.+?)=collector=(.+?),token-file=(.+?),service=my-service")
                .matcher(flag);
        assertThat(parts.matches()).as(flag).isTrue();
        assertThat(Path.of(parts.group(1))).isRegularFile();
        assertThat(parts.group(2)).isEqualTo(collector.address());
        assertThat(Path.of(parts.group(3))).isRegularFile();
        browser.click("dialog button[type=button]");
        browser.until("that it was copied, or how to", () -> browser.text("dialog [role=status]")
                .matches("Copied\\.|Press Ctrl-C to copy\\."));
        browser.click(".dialoghead button");
        browser.until("no dialog", () -> browser.evaluate("document.querySelector('dialog')") == null);
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
        for (String chart : new String[] {"Heap", "Process memory", "Threads", "Context switches", "CPU time"}) {
            browser.until(
                    chart + " has a value",
                    () -> !value(chart).isEmpty() && !value(chart).equals(NONE));
        }
        // The agent may still be at its slow pace; from its first report on it is not.
        String before = browser.text(".moment");
        browser.until("a report", () -> !browser.text(".moment").equals(before));
        Set<String> ends = new HashSet<>();
        Set<String> numbers = new HashSet<>();
        // At one report every ten seconds it would be two.
        Awaitility.await("five reports and their numbers")
                .atMost(Duration.ofSeconds(12))
                .pollInterval(Duration.ofMillis(200))
                .until(() -> {
                    ends.add(browser.text(".moment"));
                    numbers.add(value("Heap") + value("CPU time"));
                    return ends.size() >= 6 && numbers.size() >= 5;
                });
        assertThat((Boolean)
                        browser.evaluate("[...document.querySelectorAll('section[data-chart] canvas')].length >= 10"))
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
            String reason =
                    panel.replace("Hardware counters: none.", "").strip().replaceFirst("\\.$", "");
            assertThat(browser.text("main").split(Pattern.quote(reason), -1))
                    .as("parts of the page around the reason, which is given once")
                    .hasSize(2);
            assertThat(browser.text("table[aria-label=Endpoints] + *, section[aria-labelledby=endpoints] .help"))
                    .contains("see Hardware counters below");
            assertThat(browser.text("table[aria-label=Endpoints]")).doesNotContain("Cycles");
        }
    }

    @Test
    void theDownloadIsARecordingThatTheJdkReads() throws Exception {
        openShop();
        browser.click("form.download button");
        browser.until("the file", () -> browser.downloaded().isPresent());
        assertThat(browser.text(".download .said")).startsWith("Your browser saves ");
        assertThat(browser.requested()).noneMatch(address -> address.startsWith("blob:"));
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
        assertThat(browser.text("#theme")).isEqualTo("Dark theme");
        browser.emulate(1440, 900, "dark");
        Object dark = browser.evaluate(ground);
        assertThat(dark).isNotEqualTo(light);
        browser.until("the other theme on offer", () -> browser.text("#theme").equals("Light theme"));
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
            assertThat(stranger.text(".login"))
                    .contains("view.token in the collector’s data folder")
                    .doesNotContain("/");
            stranger.driver().findElement(By.id("token")).sendKeys("wrong" + Keys.ENTER);
            stranger.until("the refusal", () -> stranger.text(".login [role=alert]")
                    .startsWith("This is not the view token."));
            stranger.driver().findElement(By.id("token")).clear();
            stranger.driver().findElement(By.id("token")).sendKeys(collector.viewToken() + Keys.ENTER);
            stranger.until("the fleet", () -> stranger.text(SHOP).equals("shop"));
            stranger.open(collector.loginLink());
            stranger.until("a used link does no harm", () -> stranger.text(SHOP).equals("shop"));
            assertThat(stranger.evaluate("location.pathname")).isEqualTo("/");
            stranger.click("#logout");
            stranger.until("why", () -> stranger.text(".why").equals("You have logged out."));
            stranger.open(collector.address() + "/");
            stranger.until("no session is left", () -> stranger.text("main").contains("Log in to Pitot"));
            stranger.open(collector.loginLink());
            stranger.until("a used link says so", () -> stranger.text(".why").startsWith("This login link"));
            stranger.screenshot("login");
        }
    }

    @Test
    void aFleetWithoutItsCollectorClaimsNothingToBeLive() throws Exception {
        through(() -> {
            openFleet(gate.address());
            String color = "getComputedStyle(document.querySelector('td[data-column=cpu]')).color";
            Object known = browser.evaluate(color);
            gate.shut();
            browser.until("the notice", () -> browser.text(".notices")
                    .matches("No connection to the collector: .* of \\d\\d:\\d\\d:\\d\\d\\..*"));
            assertThat(browser.text("td[data-column=state]")).isEqualTo("Unknown");
            assertThat(browser.text(".pagehead")).doesNotContain("live");
            assertThat(browser.driver().getTitle()).startsWith("No connection");
            assertThat(browser.evaluate(color)).isNotEqualTo(known);
            String age = browser.text("td[data-column=age]");
            jump(3_600_000);
            assertThat(browser.text("td[data-column=age]")).isEqualTo(age);
            browser.screenshot("fleet-lost");
            gate.behave();
            browser.until("it is live again", () -> browser.text(SHOP).equals("shop"));
            assertThat(browser.text(".notices")).isEmpty();
        });
    }

    @Test
    void aFleetOpenedWithoutItsCollectorSaysSo() throws Exception {
        through(() -> {
            openShop(gate.address());
            gate.shut();
            browser.until("the JVM's notice", () -> browser.text(".notices").startsWith("No connection"));
            assertThat(browser.text(".identity")).contains("Unknown").doesNotContain("Live");
            browser.evaluate("location.hash = '#/'");
            browser.until("no fleet", () -> browser.text("main").contains("Nothing has been heard of it"));
            gate.behave();
            browser.until("the fleet after all", () -> browser.text(SHOP).equals("shop"));
        });
    }

    @Test
    void aFleetWhoseCollectorFallsSilentSaysSo() throws Exception {
        through(() -> {
            openFleet(gate.address());
            gate.fallSilent();
            jump(10_000);
            browser.until("the notice", () -> browser.text(".notices").startsWith("No connection"));
        });
    }

    @Test
    void aSessionThatEndsShowsTheLoginFormAndWhy() throws Exception {
        through(() -> {
            openFleet(gate.address());
            gate.endSession("");
            browser.until("the login form", () -> browser.text(".login .why")
                    .equals("Your session has ended (12 h without use, or logged out elsewhere)."));
            openFleet(gate.address());
            gate.endSession("logged out in another window");
            browser.until("the reason", () -> browser.text(".login .why")
                    .equals("Your session has ended. The collector says: logged out in another window."));
            browser.screenshot("login-ended");
            openFleet(gate.address());
            gate.answer("/api/v1/jvms", 401, "The view token is missing or wrong.");
            gate.sever();
            browser.until(
                    "the form, when the session is found to be over at the next try",
                    () -> browser.text(".login .why").startsWith("Your session has ended (12 h"));
        });
    }

    @Test
    void aLogOutThatFailsIsSaidInThePage() throws Exception {
        through(() -> {
            openFleet(gate.address());
            gate.answer("/api/v1/logout", 503, "The database does not answer just now.");
            browser.click("#logout");
            browser.until("the failure", () -> browser.text("#problem")
                    .equals("Logging out failed, you are still logged in. The database does not answer just now."));
            assertThat(browser.text(SHOP)).isEqualTo("shop");
        });
    }

    @Test
    void anAddressThatLeadsNowhereSaysSoAndLeadsBack() throws Exception {
        through(() -> {
            openFleet(gate.address());
            for (String path : new String[] {"/jvm/00000000-0000-0000-0000-000000000000", "/jvm/nonsense"}) {
                browser.evaluate("location.hash = arguments[0]", path);
                browser.until(path, () -> browser.text("h1").equals("Unknown JVM"));
            }
            for (String path : new String[] {"/jvm/%E0%A4", "/nowhere", "/jvm/"}) {
                browser.evaluate("location.hash = arguments[0]", path);
                browser.until(path, () -> browser.text("h1").equals("There is no page at this address"));
                browser.click("main section a");
                browser.until("the way back", () -> browser.text(SHOP).equals("shop"));
            }
            browser.evaluate("document.querySelector('.skip').click()");
            assertThat(browser.evaluate("document.activeElement.id")).isEqualTo("main");
            assertThat(browser.text(SHOP)).isEqualTo("shop");
        });
    }

    @Test
    void aJvmThatCannotBeLoadedIsTriedAgain() throws Exception {
        through(() -> {
            String path = openShop(gate.address());
            openFleet(gate.address());
            gate.answer("/api/v1/jvms/", 503, "The database does not answer just now.");
            gate.fallSilent();
            browser.evaluate("location.hash = arguments[0]", path);
            browser.until("what is wrong", () -> browser.text("h1").equals("JVM could not be loaded"));
            assertThat(browser.text("main")).contains("does not answer just now", "Back to all JVMs");
            gate.behave();
            gate.sever();
            browser.until("the JVM", () -> browser.text("h1").equals("shop"));
        });
    }

    @Test
    void storedDataThatCouldNotBeReadIsReadAtTheNextConnection() throws Exception {
        through(() -> {
            gate.answer("/metrics", 503, "The database does not answer just now.");
            openShop(gate.address());
            browser.until("the failure", () -> browser.text(".notices").startsWith("Stored data could not be read"));
            gate.behave();
            gate.sever();
            browser.until("no failure", () -> browser.text(".notices").isEmpty());
        });
    }

    @Test
    void whatIsReadOutStandsStillAndWaitingMovesNothing() throws Exception {
        through(() -> {
            openShop(gate.address());
            Object top = browser.evaluate("document.querySelector('.grid').offsetTop");
            gate.fallSilent();
            gate.sever();
            browser.until("lost", () -> !browser.text("#connection").equals("Connected"));
            browser.until("connected", () -> browser.text("#connection").equals("Connected"));
            browser.until("no notice", () -> browser.text(".notices").isEmpty());
            jump(8000);
            assertThat(browser.text(".rangebar")).contains("Waiting for the agent…");
            assertThat(browser.evaluate("document.querySelector('.grid').offsetTop"))
                    .isEqualTo(top);
            jump(20_000);
            assertThat(browser.text(".notices")).matches("No new sample since \\d\\d:\\d\\d:\\d\\d, although .*");
            browser.evaluate("(window.read = 0, new MutationObserver(() => window.read++).observe("
                    + "document.querySelector('.notices'), {childList: true, subtree: true, characterData: true}))");
            ticks(5);
            assertThat(browser.evaluate("window.read")).isEqualTo(0L);
        });
    }

    @Test
    void aDownloadThatFailsSaysWhy() throws Exception {
        through(() -> {
            openShop(gate.address());
            gate.answer("/recording", 404, "No chunk overlaps this window.");
            browser.click("form.download button");
            browser.until("the reason", () -> browser.text(".said").equals("No chunk overlaps this window."));
            assertThat(browser.evaluate("document.querySelector('.said').dataset.tone"))
                    .isEqualTo("bad");
        });
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
