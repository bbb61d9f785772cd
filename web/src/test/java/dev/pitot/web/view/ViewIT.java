package dev.pitot.web.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
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
            assertThat(value("Instructions per cycle")).isNotEqualTo(NONE);
        } else {
            assertThat(panel.replace("Hardware counters: none.", "").strip())
                    .as("the reason")
                    .hasSizeGreaterThan(15);
            String reason =
                    panel.replace("Hardware counters: none.", "").strip().replaceFirst("\\.$", "");
            assertThat(browser.text("main").split(Pattern.quote(reason), -1))
                    .as("parts of the page around the reason, which is given once")
                    .hasSize(2);
            // With the first request, which may be a second away.
            browser.until(
                    "what the table of endpoints lacks", () -> browser.text("section[aria-labelledby=endpoints] .help")
                            .contains("see Hardware counters below"));
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
            openAll();
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
            browser.evaluate("localStorage.clear()");
            browser.emulate(1440, 900, "light");
        }
    }

    @Test
    void theStoragePageSaysWhatIsKeptAndLetsAnAdminAloneChangeIt() throws Exception {
        String hours = "document.querySelector('[data-tier=hours] input')";
        browser.open("about:blank");
        browser.open(collector.address() + "/#/storage");
        browser.until("sizes", () -> browser.text("[data-tier=events]").contains("B"));
        // The database is that of earlier runs.
        String other = 731 + new Random().nextInt(2000) + "d";
        assertThat((String) browser.evaluate(hours + ".value")).matches("\\d+d");
        assertThat(browser.evaluate("document.querySelector('.formfoot button').disabled"))
                .as("nothing to save")
                .isEqualTo(true);
        for (String age : new String[] {"soon", other}) {
            browser.driver()
                    .findElement(By.cssSelector("[data-tier=hours] input"))
                    .clear();
            browser.driver()
                    .findElement(By.cssSelector("[data-tier=hours] input"))
                    .sendKeys(age + Keys.ENTER);
            browser.until(age, () -> browser.text(".storage > .said")
                    .startsWith(age.equals("soon") ? "Hours: “soon” is no age;" : "Saved."));
        }
        browser.until("who", () -> browser.text("[data-tier=hours]").contains("admin session from 127.0.0.1"));
        browser.until("the audit", () -> browser.text("ol.audit").contains("→ " + other));
        try {
            for (int width : new int[] {360, 768, 1440}) {
                browser.emulate(width, 900, width == 768 ? "dark" : "light");
                assertThat(scrollsSideways()).as("storage at %d", width).isFalse();
                browser.screenshot("storage-" + width);
            }
        } finally {
            browser.evaluate("localStorage.clear()");
            browser.emulate(1440, 900, "light");
        }
        try (Browser viewer = new Browser()) {
            viewer.open(collector.address() + "/#/storage");
            viewer.until("the login form", () -> viewer.text("main").contains("Log in to Pitot"));
            viewer.driver().findElement(By.id("token")).sendKeys(collector.viewToken() + Keys.ENTER);
            viewer.until("why not", () -> viewer.text(".formfoot").startsWith("To change this, log in with the admin"));
            assertThat(viewer.evaluate(hours + ".value")).isEqualTo(other);
            assertThat(viewer.evaluate(hours + ".disabled")).isEqualTo(true);
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
            // Behind what could not be read meanwhile, or a gap.
            browser.until("the JVM's notice", () -> browser.text(".notices").contains("No connection"));
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
            gate.answer("/metrics?", 503, "The database does not answer just now.");
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

    private static final String LOAD = "const load = name => import(location.origin + '/' + name + '.js');";

    /** For what takes modules of the page and brings its own data. */
    private static void openAnyPage() {
        if (!collector.address().equals(browser.evaluate("location.origin"))) {
            openFleet();
        }
    }

    /** Opens all that can be opened, and what is in it. */
    private static void openAll() {
        browser.until("all open", () -> (Boolean) browser.evaluate("(all => (all.forEach(one => one.open = true),"
                + " all.length > 10 && [...document.querySelectorAll('section:not([hidden]) > .fold .folded')]"
                + ".every(body => body.children.length)))([...document.querySelectorAll('.page details')])"));
    }

    private static final String CPU_OF_THE_MACHINE = "section[aria-labelledby=host-cpu]";

    @Test
    void theMachineIsALineForEachPartAndNothingIsDrawnUntilOneIsOpened() {
        openShop();
        browser.until("a line of the CPU", () -> browser.text(CPU_OF_THE_MACHINE + " summary")
                .matches("(?s)CPU.*% of \\d+ CPUs.*"));
        browser.until("a line of the memory", () -> browser.text("section[aria-labelledby=host-memory] summary")
                .matches("(?s)Memory.*[KMG]iB of .*[KMG]iB used.*"));
        assertThat(browser.evaluate(
                        "document.querySelectorAll('section[aria-labelledby=host] :is(canvas, table, .panel)').length"))
                .isEqualTo(0L);
        try {
            browser.driver()
                    .findElement(By.cssSelector(CPU_OF_THE_MACHINE + " summary"))
                    .sendKeys(Keys.ENTER);
            browser.until("its charts and the history of them", () -> (Boolean) browser.evaluate(
                    "document.querySelectorAll('section[aria-labelledby=host-cpu] canvas').length === 3"));
            browser.until("its values", () -> value("CPU of the machine").contains("%"));
            browser.until("its CPUs", () -> browser.text("table[aria-label=CPUs] tbody [data-column=busy]")
                    .contains("%"));
            browser.driver().navigate().refresh();
            browser.until("it is open still", () -> value("CPU of the machine").contains("%"));
            browser.click(CPU_OF_THE_MACHINE + " summary");
            browser.until("nothing of it", () -> (Boolean) browser.evaluate(
                    "document.querySelectorAll('section[aria-labelledby=host-cpu] .folded *').length === 0"));
        } finally {
            browser.evaluate("localStorage.clear()");
        }
    }

    @Test
    void threadsAreShownByKindAndTheBusiestByName() {
        openShop();
        browser.until("CPU of the application's threads", () -> value("CPU by kind of thread")
                .matches("\\d+\\.\\d+"));
        browser.until("busy threads", () -> (Boolean)
                browser.evaluate("[...document.querySelectorAll('table[aria-label=\"Busiest threads\"] tbody tr')]"
                        + ".some(row => row.cells[1].innerText === 'application' && Number(row.cells[2].innerText) > 0"
                        + " && parseFloat(row.cells[3].innerText) > 0)"));
        browser.until("what the process uses of what it may", () -> browser.text("#software + span")
                .matches("CPU .* cores, .*% of the \\d.* it may use · .*"));
    }

    @Test
    void theAgentsDiagnosisIsFoldedUnderAnHonestLine() {
        openShop();
        browser.until("the line", () -> browser.text("#doctor + span").matches("\\d+ of \\d+ ways work.*"));
        try {
            browser.click("section[aria-labelledby=doctor] summary");
            browser.until("the rungs", () -> browser.text(".rungs").contains("getrusage"));
            assertThat(browser.text(".facts-of")).startsWith("What was found").doesNotContain("perf_event_paranoid");
            browser.click(".facts-of summary");
            browser.until("the facts", () -> browser.text(".facts-of").contains("perf_event_paranoid"));
        } finally {
            browser.evaluate("localStorage.clear()");
        }
    }

    @Test
    void theFixOfAnObstacleIsForThePlaceThatWasChosenAndSaidOnce() {
        openAnyPage();
        Map<?, ?> said = (Map<?, ?>) browser.await(LOAD
                + "localStorage.setItem('pitot.open', JSON.stringify({ doctor: true }));"
                + "const [{ Doctor }, { Samples }] = await Promise.all(['sections/doctor', 'samples'].map(load));"
                + "const line = { category: 'rung', state: 'no', detail: '', blocker: 'paranoid is 2', fixOnHost: 'sudo sysctl x=1',"
                + " fixInDocker: 'docker run --cap-add=PERFMON', fixInKubernetes: '' };"
                + "const page = { samples: new Samples(1e6), diagnosis: [{ ...line, subject: 'first' }, { ...line, subject: 'second', state: 'partial', detail: 'page-faults' }] };"
                + "const doctor = new Doctor(page); document.body.append(doctor.element); doctor.show();"
                + "const text = () => doctor.element.querySelector('.rungs').innerText.replaceAll(/\\s+/g, ' ').trim();"
                + "const host = text();"
                + "doctor.element.querySelector('[data-place=fixInDocker]').click(); const docker = text();"
                + "doctor.element.querySelector('[data-place=fixInKubernetes]').click(); const kubernetes = text();"
                + "doctor.element.remove(); localStorage.clear();"
                + "return { host, docker, kubernetes };");
        assertThat((String) said.get("host"))
                .matches("no first In the way: paranoid is 2\\. sudo sysctl x=1 Copy partial second page-faults"
                        + " In the way: the same as for first\\.");
        assertThat((String) said.get("docker"))
                .contains("docker run --cap-add=PERFMON")
                .doesNotContain("sysctl");
        assertThat((String) said.get("kubernetes"))
                .contains("No fix of this kind is known.")
                .doesNotContain("Copy");
    }

    @Test
    void metricsHaveTheNamesOfTheSpecification() throws Exception {
        openAnyPage();
        Set<String> names = new HashSet<>();
        boolean formulas = false;
        for (String line : Files.readAllLines(Path.of("..", "docs", "spec", "metrics.md"))) {
            formulas = line.startsWith("| name | formula") || (formulas && line.startsWith("|"));
            if (formulas) {
                Pattern.compile("`(\\w+)`")
                        .matcher(line.split("\\|")[1])
                        .results()
                        .forEach(name -> names.add(name.group(1)));
            }
        }
        assertThat(names).contains("ipc", "diskWriteLatency");
        names.add("cpuUtilisation");
        Object own = browser.await(LOAD + "return Object.keys((await load('metrics')).metrics);");
        assertThat(new HashSet<>((List<?>) own)).isEqualTo(names);
    }

    @Test
    void metricsFollowTheirFormulasAndWhatIsUnknownStaysSo() {
        openAnyPage();
        Object values = browser.await(LOAD
                + "const [{ metrics, overall, topDown }, { Series }] = await Promise.all(['metrics', 'series'].map(load));"
                + "const of = fields => field => fields[field] ?? null;"
                + "const perf = { interval: 1e9, userTime: 4e8, systemTime: 1e8, cycles: 1e9, instructions: 2e9, cacheMisses: 4e6, branches: 4e8, branchMisses: 4e6, hardwareSource: 'perf' };"
                + "const series = new Series(1e6);"
                + "series.merge([1000, 2000, 3000], { cycles: [100, null, 300], instructions: [100, 700, 100] });"
                + "return ["
                + "metrics.ipc(of(perf)), metrics.ghz(of(perf)), metrics.ghz(of({ ...perf, hardwareSource: 'perf, user only' })),"
                + "metrics.cacheMpki(of(perf)), metrics.branchMissRate(of(perf)), metrics.cacheMissRate(of(perf)), metrics.cpuCores(of(perf)),"
                + "metrics.cpuUtilisation(of({ ...perf, cpus: 4, limit: 2 })), metrics.cpuCores(of({ ...perf, softwareSource: 'java', systemTime: null })),"
                + "metrics.ghz(of({ cpuTime: 4e8, cycles: 1e9, hardwareSource: 'perf, user only' })),"
                + "metrics.ipc(of({ cycles: 0, instructions: 0 })), metrics.diskReadLatency(of({ reads: 0, readTime: 0 })),"
                + "metrics.hostCpuUtilisation(of({ userTime: 3, niceTime: 0, systemTime: 1, ioWaitTime: 1, irqTime: 0, softIrqTime: 0, stealTime: 0, idleTime: 5 })),"
                + "overall(metrics.ipc, series, 0),"
                + "...Object.values(topDown(of({ 'topdown-retiring': 2, 'topdown-bad-spec': 1, 'topdown-fe-bound': 1, 'topdown-be-bound': 4 }))),"
                + "...Object.values(topDown(of({ 'topdown-total-slots': 8, 'topdown-slots-issued': 3, 'topdown-slots-retired': 2, 'topdown-fetch-bubbles': 1, 'topdown-recovery-bubbles': 0 }))),"
                + "...Object.values(topDown(of({ stall_slot: 5, stall_slot_frontend: 1, stall_slot_backend: 4, op_spec: 3, op_retired: 2 }))),"
                + "topDown(of({ 'topdown-retiring': 2 }))"
                + "].map(String).join(' ');");
        assertThat(values)
                .isEqualTo(
                        "2 2 2.5 2 0.01 null 0.5 0.25 0.4 null null null 0.4 0.5"
                                + " metrics 0.25 0.125 0.125 0.5 slots 0.25 0.125 0.125 0.5 stall slots 0.25 0.125 0.125 0.5 null");
    }

    @Test
    void whatWasCountedForAPartOfTheTimeOnlySaysSo() {
        openShop();
        Map<?, ?> misses = draw(
                "HARDWARE",
                "Misses",
                "[1000, 2000, 3000]",
                "{\"interval\": [1e9, 1e9, 1e9], \"instructions\": [1e9, 1e9, 1e9], \"cacheMisses\": [2e6, 2e6, 3e6],"
                        + " \"branchMisses\": [1e6, 1e6, 1e6], \"instructionsRunning\": [1, 1, 1],"
                        + " \"cacheMissesRunning\": [0.5, 0.5, 0.43], \"branchMissesRunning\": [1, 1, 1]}");
        assertThat(((String) misses.get("legend")).replace('\n', ' '))
                .matches("cache 3\\.00 counted 43\\.0\u202f% branch 1\\.00");
    }

    @Test
    void countersByNameAreATableOfTheNewestSeconds() {
        openAnyPage();
        Object rows = browser.await(LOAD
                + "const [{ Hardware }, { Samples }] = await Promise.all(['sections/hardware', 'samples'].map(load));"
                + "const samples = new Samples(1e6);"
                + "const page = { samples, status: [], from: 0, to: 20000, makeCharts: () => [], draw: () => {} };"
                + "const add = (key, value, more) => samples.merge({ type: 'pitot.Counter', key, t: [10000, 19000, 20000],"
                + " fields: { interval: [1e9, 1e9, 1e9], value: [9e9, value, 3 * value], running: [0.1, 0.43, 1], groupInstructions: [1, 1e6, 1e6], groupCycles: [1, 1e6, 1e6], unit: ['', '', ''], ...more } });"
                + "add('process dTLB-load-misses', 1000);"
                + "add('gc stalled-cycles-backend', 1e5);"
                + "add('host power/energy-pkg/', 10, { groupInstructions: [null, null, null], groupCycles: [null, null, null], unit: ['Joules', 'Joules', 'Joules'] });"
                + "const hardware = new Hardware(page); document.body.append(hardware.element); hardware.show();"
                + "const text = [...hardware.element.querySelectorAll('table[aria-label=\"Counters by name\"] tbody tr')]"
                + ".map(row => [...row.cells].map(cell => cell.innerText).join('|')).join('\\n');"
                + "hardware.element.remove(); return text;");
        assertThat(((String) rows).replace("\u202f", " ").split("\n"))
                .containsExactly(
                        "dTLB-load-misses|process|2.00 k|2.00||43.0 %",
                        "power/energy-pkg/|host|20 Joules|||43.0 %",
                        "stalled-cycles-backend|gc|200 k|200|20.0 %|43.0 %");
    }

    @Test
    void ofWhatNobodyLooksAtTheNewestSecondsAreHeld() {
        openAnyPage();
        Object held = browser.await(LOAD
                + "const { Samples } = await load('samples'); const samples = new Samples(1e6);"
                + "const merge = (key, from) => samples.merge({ type: 'x', key, t: Array.from({ length: 100 }, (_, i) => from + 1000 * i), fields: {} });"
                + "merge('old', 0); merge('new', 100000); const closed = [...samples.keys('x')].map(([key, series]) => key + series.t.length).join();"
                + "samples.hold(['x']); merge('new', 100000); const open = samples.keys('x').get('new').t.length;"
                + "samples.release(['x']); merge('new', 200000);"
                + "return [closed, open, samples.keys('x').get('new').t.length].join(' ');");
        assertThat(held).isEqualTo("new26 100 26");
    }

    @Test
    void kindsOfOneSecondStandOnOneAnother() {
        openAnyPage();
        Object drawn = browser.await(LOAD
                + "const [{ Chart }, { Samples, joined }, { KIND_CPU }, { each, metrics }] = await Promise.all(['chart', 'samples', 'panels', 'metrics'].map(load));"
                + "const samples = new Samples(1e6);"
                + "const add = (key, t, cpu) => samples.merge({ type: 'x', key, t, fields: { interval: t.map(() => 1e9), cpuTime: cpu } });"
                + "add('application', [1000, 2000], [5e8, 2.5e8]); add('gc', [1001, 2003], [2.5e8, null]); add('agent', [1001, 2003], [2.5e8, 2.5e8]);"
                + "const chart = new Chart(KIND_CPU, 'test', () => {}); document.body.append(chart.element);"
                + "chart.update(joined(samples.keys('x'), each(metrics.cpuCores), 0), 1000, 2000);"
                + "const said = [chart.element.querySelector('.legend').innerText.replaceAll('\\n', ' '), ...chart.plot.data.map(column => column.map(String).join(' '))].join('; ');"
                + "chart.close(); chart.element.remove(); return said;");
        assertThat(drawn)
                .isEqualTo("application 0.25 gc – jit – vm – agent 0.25; 1000 2000; 0.5 0.25; 0.75 0.25; 0.75 0.25;"
                        + " 0.75 0.25; 1 0.5");
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
        assertThat(switches.get("drawn")).asList().containsExactly("100 110 null", "1 2 null", "null null null");
        assertThat((String) switches.get("legend"))
                .as("what perf does not count here takes no room")
                .doesNotContain("migrations");
    }

    @Test
    void eachEndpointHasABarOfWhereItsTimeGoes() {
        openShop();
        String bar = "table[aria-label=Endpoints] .split";
        browser.until("a bar, in words too", () -> String.valueOf(
                        browser.evaluate("document.querySelector(arguments[0])?.getAttribute('aria-label')", bar))
                .contains("On CPU"));
        assertThat(browser.text("ul[aria-label='Where the time goes']")).contains("On CPU");
    }

    @Test
    void partsAreDrawnByTheirSizeAndSaidExactly() {
        openAnyPage();
        Map<?, ?> drawn = (Map<?, ?>)
                browser.await(
                        LOAD
                                + "const { drawParts, partsOf } = await load('parts');"
                                + "const place = document.createElement('div'); place.style.position = 'fixed'; place.style.top = place.style.left = '20px'; place.id = 'tested'; document.body.append(place);"
                                + "const time = partsOf({ timeSql: 75e6, timeOnCpu: 24.9e6, timeUnknown: 0.1e6, timeLock: 0, timePark: null });"
                                + "drawParts(place, time);"
                                + "const bar = place.firstChild;"
                                + "const parts = [...bar.children].map(part => part.dataset.part);"
                                + "const [cpu, sql] = [...bar.children].map(part => part.getBoundingClientRect().width);"
                                + "return { parts: parts.join(' '), ratio: sql / cpu, label: bar.getAttribute('aria-label'), nothing: partsOf({ timeSql: null }) };");
        assertThat(drawn.get("parts")).isEqualTo("onCpu sql");
        assertThat(((Number) drawn.get("ratio")).doubleValue()).isBetween(2.9, 3.1);
        assertThat(drawn.get("label"))
                .isEqualTo(
                        "SQL 75.0\u202fms (75.0\u202f%), On CPU 24.9\u202fms (24.9\u202f%), Unknown 0.10\u202fms (0.10\u202f%)");
        assertThat(drawn.get("nothing")).isNull();
        Actions pointer = new Actions(browser.driver());
        pointer.moveToElement(browser.driver().findElement(By.cssSelector("#tested .split")))
                .perform();
        assertThat(browser.text(".tip")).contains("100\u202fms").contains("75.0\u202fms");
        pointer.sendKeys(Keys.ESCAPE).perform();
        assertThat(browser.evaluate("document.querySelector('.tip').hidden")).isEqualTo(true);
        browser.evaluate("document.querySelector('#tested').remove()");
    }

    /** A section of the page with a page of its own around it: data without a JVM. */
    private static final String SECTION =
            LOAD + "localStorage.clear(); const [{ Samples }] = await Promise.all(['samples'].map(load));"
                    + "const page = { id: 'x', jvm: { state: 'ended' }, to: 1e6, status: [], tables: {}, sql: new Map(), samples: new Samples(1e9),"
                    + " makeCharts: () => [], draw() {}, show() { section.show(); }, context: { now: () => 1e6 } };"
                    + "const words = () => section.element.innerText.replaceAll(/\\s+/g, ' ').trim();";

    @Test
    void whatIsNotThereIsSaidInASentence() {
        openAnyPage();
        Map<?, ?> said = (Map<?, ?>) browser.await(SECTION
                + "const { statements, Logged } = await load('sections/spans');"
                + "let section = statements(page); document.body.append(section.element);"
                + "const said = {};"
                + "page.status = [{ part: 'sql', state: 'on', reason: '' }]; section.show(); said.none = words();"
                + "page.status = [{ part: 'sql', state: 'off', reason: 'switched off by sql=false', remedy: '' }]; section.show(); said.off = words();"
                + "page.status = [{ part: 'http', state: 'on' }]; section.show(); said.older = words();"
                + "page.tables.statements = { to: 1e6, total: 240, statements: [{ statement: '0f', count: 60, errors: 0, untimed: 0, rate: 2, mean: 250, p50: 1, p90: 2, p99: 3, max: 4 }] };"
                + "page.sql.set('0f', 'select ?'); section.show(); said.some = words();"
                + "section.element.remove();"
                + "section = new Logged(page); document.body.append(section.element); page.status = [];"
                + "section.show(); said.nothing = words();"
                + "page.logged = { loggers: [{ logger: 'a.B', error: 'java.io.IOException', count: 3, last: 1e6 }] }; section.show(); said.logged = words();"
                + "section.element.remove(); return said;");
        assertThat((String) said.get("none")).contains("No SQL statement ended in the last 60 s of data.");
        assertThat((String) said.get("off")).contains("SQL statements are not watched: switched off by sql=false.");
        assertThat((String) said.get("older")).contains("may be of an older version");
        assertThat((String) said.get("some"))
                .contains("1 of 240, those that took the most time,")
                .contains("2 per second \u00b7 0.50 at a time on average")
                .contains("select ?")
                .contains("50.0 %")
                .doesNotContain("Batched")
                .contains("Not shown: CPU time, the wait for a CPU, allocation, where the time goes");
        assertThat((String) said.get("nothing")).contains("Nothing was logged at level ERROR");
        assertThat((String) said.get("logged")).contains("3 by one logger").contains("a.B java.io.IOException 3");
    }

    @Test
    void aSlowRequestOpensToWhatWasInIt() {
        openAnyPage();
        Map<?, ?> said = (Map<?, ?>) browser.await(SECTION
                + "const asked = [];"
                + "const request = { method: 'GET', route: '/a', status: 500, failed: true, duration: 8e8, timeSql: 6e8, timeOnCpu: 2e8, contextSwitches: 31, pageFaults: 0, instructions: 4e8, cycles: 5e8, cacheMisses: 2e6, branchMisses: null, counterSource: 'perf', counterRunning: 0.5, sqlStatements: 12, sqlDuration: 65e7, spanId: '00000000000000ab' };"
                + "const virtual = { method: 'GET', route: '/v', status: 200, failed: false, duration: 2e8, timePark: 2e8, counterSource: 'carrier switched: counters partial' };"
                + "const child = { statement: '0f', duration: 2e8, failed: false };"
                + "page.context.api = async path => { asked.push(path); return { json: async () => (path.includes('parent=') ?"
                + " { spans: [{ type: 'pitot.SqlStatement', ts: 5e5 + 400, data: child }], sql: { '0f': 'select ?' } } : { spans: path.includes('min=100&') ? [{ type: 'pitot.HttpRequest', ts: 5e5, chunk: '1', offset: 2, data: request }, { type: 'pitot.HttpRequest', ts: 4e5, chunk: '1', offset: 1, data: virtual }] : [], sql: {} }) }; };"
                + "const { Slow } = await load('sections/slow');"
                + "const section = new Slow(page); document.body.append(section.element);"
                + "section.show(); for (let i = 0; i < 100 && !section.spans; i++) await new Promise(done => setTimeout(done, 20)); section.show();"
                + "const line = words();"
                + "for (const details of section.element.querySelectorAll('.slow details')) details.open = true;"
                + " for (let i = 0; i < 100 && !section.element.querySelector('.course i'); i++) await new Promise(done => setTimeout(done, 20));"
                + "const mark = section.element.querySelector('.course i').style;"
                + "const opened = words();"
                + "section.navigate(new URLSearchParams('slow=5000')); section.show(); await new Promise(done => setTimeout(done)); section.show();"
                + "const none = words();"
                + "section.element.remove();"
                + "return { line, opened, none, left: mark.left, width: mark.width, asked: asked.join(' ') };");
        assertThat((String) said.get("line"))
                .as("where nothing took 500 ms, what took 100 ms is shown")
                .contains("2 that took 100 ms or failed, 1 failed")
                .contains("GET/a failed 500 800 ms");
        assertThat((String) said.get("opened"))
                .contains("SQL 600 ms 75.0 %")
                .contains(
                        "Context switches 31 Page faults 0 Instructions 400 M IPC 0.80 Cache misses 5.00 per 1000 instructions")
                .contains("Counters ran 50.0 % of the time, scaled")
                .doesNotContain("Branch misses")
                .contains("Counters none, nor CPU time: a virtual thread worked on it, of which they are not known")
                .contains("12 statements, 650 ms")
                .contains("1 of what was in it is kept one by one")
                .contains("SQL select ? 200 ms");
        assertThat(said.get("left")).isEqualTo("50%");
        assertThat(said.get("width")).isEqualTo("25%");
        assertThat((String) said.get("none")).contains("No request took 5 s or failed in the last 15 minutes of data.");
        assertThat((String) said.get("asked"))
                .as("of a JVM that ended nothing is asked twice")
                .matches(
                        "(jvms/x/spans\\?type=pitot.HttpRequest&min=(500|100|20)&\\S+ ){3}jvms/x/spans\\?parent=00000000000000ab&\\S+"
                                + " jvms/x/spans\\?type=pitot.HttpRequest&min=5000&\\S+");
    }

    @Test
    void whatPitotCostsIsSaidWithWhatItGivesUpForItsBudget() {
        openAnyPage();
        Map<?, ?> said = (Map<?, ?>) browser.await(SECTION
                + "const { Agent } = await load('sections/agent');"
                + "const section = new Agent(page); document.body.append(section.element);"
                + "section.show(); const older = words();"
                + "const cost = (share, shed) => ({ type: 'pitot.AgentCost', t: [1000 * (shed + 1)], fields: { interval: [1e9], threadCpuTime: [4e6], inlineCpuTime: [2e6], share: [share], budget: [0.01], shed: [shed] } });"
                + "page.samples.merge(cost(0.02, 0)); page.samples.merge(cost(0.01, 2));"
                + "section.show(); const now = words(); section.element.remove();"
                + "return { older, now };");
        assertThat((String) said.get("older")).contains("is not known").contains("older version");
        assertThat((String) said.get("now"))
                .contains("Pitot takes 1.00 % of the CPU time now, 1.50 % on average")
                .contains("its budget is 1.00 %. Stack traces and single events are given up for it")
                .contains("take 4.00 ms of CPU time, and measuring takes 2.00 ms");
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
                        + " .scroll td:first-child, .honest, .parts li')].filter(element => element.checkVisibility()).map(element => { const range = document.createRange();"
                        + " range.selectNodeContents(element); return Math.round(range.getClientRects()[0].left); })");
        assertThat(new HashSet<>((List<?>) edges)).as("left edges " + edges).hasSize(1);
    }
}
