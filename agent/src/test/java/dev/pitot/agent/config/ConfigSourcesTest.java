package dev.pitot.agent.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigSourcesTest {
    @TempDir
    Path folder;

    private static AgentConfig of(String args) throws ConfigException {
        return ConfigSources.read(args, new Properties(), Map.of());
    }

    @Test
    void nothingGivenIsTheDefaultOfEveryKey() throws ConfigException {
        AgentConfig config = ConfigSources.read(null, new Properties(), Map.of("PATH", "/bin"));
        assertThat(config.enabled()).isTrue();
        assertThat(config.collector()).hasToString("http://127.0.0.1:7070");
        assertThat(config.token()).isNull();
        assertThat(config.tokenFile()).isNull();
        assertThat(config.service()).isEqualTo("java");
        assertThat(config.labels()).isEmpty();
        assertThat(config.maxSize()).isEqualTo(64L << 20);
        assertThat(config.maxAge()).isEqualTo(Duration.ofHours(1));
        assertThat(config.counters()).isEqualTo(CounterChoice.DEFAULT);
        assertThat(config.http().enabled()).isTrue();
        assertThat(config.http().slow()).isEqualTo(Duration.ofMillis(500));
        assertThat(config.http().eventsPerSecond()).isEqualTo(100);
        assertThat(config.http().names()).isEqualTo(500);
        assertThat(config.sql().slow()).isEqualTo(Duration.ofMillis(100));
        assertThat(config.calls()).isEqualTo(config.http());
        assertThat(config.follow() && config.waits() && config.log()).isTrue();
        assertThat(config.shown()).isEqualTo(ShownChoice.NOTHING);
        assertThat(config.budget()).isEqualTo(0.01);
    }

    @Test
    void whatClientsWroteIsShownOnlyIfItIsAskedFor() throws ConfigException {
        ShownChoice nothing = of("service=x").shown();
        assertThat(nothing.query() || nothing.literals()).isFalse();
        assertThat(nothing.headers()).isEmpty();
        assertThat(nothing.said()).isNull();
        ShownChoice all = of("http.headers=X-Tenant,accept,http.mask=pass;tok,http.query=true,sql.literals=true")
                .shown();
        assertThat(all.query() && all.literals()).isTrue();
        assertThat(all.headers()).containsExactly("x-tenant", "accept");
        assertThat(all.masked()).containsExactly("pass", "tok");
        assertThat(all.said())
                .isEqualTo("single events carry query strings (http.query=true), the headers x-tenant, accept"
                        + " (http.headers), literals of SQL statements (sql.literals=true)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"http.headers=", "http.headers=a b", "http.headers=a:b", "http.mask=a;;b", "http.query=yes"})
    void whatIsNoNameOfAHeaderIsRefused(String given) {
        assertThatThrownBy(() -> of(given)).isInstanceOf(ConfigException.class);
    }

    @ParameterizedTest
    @CsvSource({"2.5%,0.025", "100%,1", "0.1%,0.001", "none,1"})
    void aBudgetIsAPercentageOrNone(String given, double share) throws ConfigException {
        assertThat(of("budget=" + given).budget()).isEqualTo(share);
    }

    @Test
    void argumentsOutrankPropertiesOutrankEnvironmentOutranksFile() throws Exception {
        Path file = Files.writeString(
                folder.resolve("pitot.properties"), "service=file\nhttp.events=1\nhttp.routes=1\nhttp.slow=1ms\n");
        Properties properties = new Properties();
        properties.setProperty("pitot.service", "property");
        properties.setProperty("pitot.http.events", "3");
        properties.setProperty("pitot.test.anything", "ignored");
        AgentConfig config = ConfigSources.read(
                "service=argument,config=" + file,
                properties,
                Map.of(
                        "PITOT_SERVICE",
                        "environment",
                        "PITOT_HTTP_EVENTS",
                        "2",
                        "PITOT_HTTP_ROUTES",
                        "2",
                        "PITOT_TEST_X",
                        "ignored"));
        assertThat(config.service()).isEqualTo("argument");
        assertThat(config.http().eventsPerSecond()).isEqualTo(3);
        assertThat(config.http().names()).isEqualTo(2);
        assertThat(config.http().slow()).isEqualTo(Duration.ofMillis(1));
    }

    @Test
    void commasAndBackslashesInArgumentsAreEscapedAndOthersKept() throws ConfigException {
        assertThat(of("service=a\\,b\\\\c\\d,http=false").service()).isEqualTo("a,b\\c\\d");
        assertThat(of("service=a\\,b,http=false").http().enabled()).isFalse();
        assertThat(of("service=Größe 数 \"x\",").service()).isEqualTo("Größe 数 \"x\"");
        assertThat(of("labels=team:a b;zone:x:y").labels())
                .containsEntry("team", "a b")
                .containsEntry("zone", "x:y");
    }

    @Test
    void theFileIsUtf8() throws Exception {
        Path file = Files.writeString(folder.resolve("u.properties"), "service = Größe\n");
        assertThat(of("config=" + file).service()).isEqualTo("Größe");
    }

    @ParameterizedTest
    @CsvSource({"colector=x,collector", "recording.maxsize=64MB,recording.max-size", "tokenfile=/x,token-file"})
    void anUnknownKeyIsNamedWithTheNearestKnownOne(String args, String nearest) {
        assertThatThrownBy(() -> of(args))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(args.substring(0, args.indexOf('=')))
                .hasMessageContaining("in the agent arguments")
                .hasMessageContaining("\"" + nearest + "\"");
    }

    @Test
    void anUnknownVariablePropertyOrFileKeyIsNamedWithItsSource() throws IOException {
        assertThatThrownBy(() -> ConfigSources.read(null, new Properties(), Map.of("PITOT_COLLECTR", "x")))
                .hasMessageContaining("PITOT_COLLECTR")
                .hasMessageContaining("environment")
                .hasMessageContaining("PITOT_COLLECTOR");
        Properties properties = new Properties();
        properties.setProperty("pitot.servce", "x");
        assertThatThrownBy(() -> ConfigSources.read(null, properties, Map.of()))
                .hasMessageContaining("pitot.servce")
                .hasMessageContaining("\"service\"");
        Path file = Files.writeString(folder.resolve("bad.properties"), "htp=true\n");
        assertThatThrownBy(() -> of("config=" + file))
                .hasMessageContaining("bad.properties")
                .hasMessageContaining("htp");
        assertThatThrownBy(() -> of("config=" + folder.resolve("none"))).hasMessageContaining("cannot be read");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "collector=localhost:7070",
                "collector=ftp://host",
                "collector=http://",
                "collector=http://:7070",
                "collector=http://host:70700",
                "collector=http://host:x",
                "collector=http://ho st",
                "collector=http://[::1",
                "collector=http://host/?a=b",
                "recording.max-size=1MB",
                "recording.max-size=17GB",
                "recording.max-size=99999999999999999999GB",
                "recording.max-size=64",
                "recording.max-age=59s",
                "recording.max-age=8d",
                "counters=a b",
                "counters=none,cycles",
                "counters=cpu/event=0x3c",
                "counters.threads=65",
                "host.cores=some",
                "http=yes",
                "enabled=perhaps",
                "http.slow=2h",
                "http.slow=-1ms",
                "http.events=100001",
                "http.routes=0",
                "sql.statements=0",
                "calls.targets=10001",
                "budget=1",
                "budget=0.01%",
                "budget=101%",
                "budget=x%",
                "budget=NaN%",
                "labels=novalue",
                "service=",
                "nonsense"
            })
    void aBadValueIsRefusedAndNamed(String args) {
        assertThatThrownBy(() -> of(args))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(args.split("=")[0])
                .hasMessageNotContaining("\n");
    }

    @ParameterizedTest
    @CsvSource({
        "http://pitot_collector:7070,http://pitot_collector:7070",
        "HTTPS://host/base/,https://host:443/base",
        "http://[::1]:7070/,http://[::1]:7070",
        "http://10.0.0.1,http://10.0.0.1:80"
    })
    void anAddressMayHoldWhateverANameMayHold(String given, String understood) throws ConfigException {
        assertThat(of("collector=" + given).collector()).hasToString(understood);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "PITOT_SERVICE_HOST",
                "PITOT_SERVICE_PORT",
                "PITOT_SERVICE_PORT_HTTP",
                "PITOT_PORT",
                "PITOT_PORT_7070_TCP",
                "PITOT_PORT_7070_TCP_PROTO",
                "PITOT_COLLECTOR_SERVICE_HOST",
                "PITOT_COLLECTOR_PORT",
                "PITOT_COLLECTOR_PORT_7070_TCP_ADDR",
                "PITOT_MY_COLLECTOR_PORT_53_UDP_PORT"
            })
    void whatKubernetesSaysOfAServiceThatIsNamedPitotIsNotForTheAgent(String variable) throws ConfigException {
        AgentConfig config = ConfigSources.read(
                null, new Properties(), Map.of(variable, "tcp://10.0.0.1:7070", "PITOT_SERVICE", "orders"));
        assertThat(config.service()).isEqualTo("orders");
        assertThat(config.collector()).hasToString("http://127.0.0.1:7070");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PITOT_REPORT", "PITOT_PORT_X_TCP", "PITOT_PORT_1_HTTP", "PITOT_SERVICE_HOSTS"})
    void whatOnlyLooksLikeItIsRefused(String variable) {
        assertThatThrownBy(() -> ConfigSources.read(null, new Properties(), Map.of(variable, "x")))
                .hasMessageContaining(variable);
    }

    @Test
    void aBadTokenIsNotShown() {
        assertThatThrownBy(() -> of("token=hunter 2")).hasMessageNotContaining("hunter");
        assertThatThrownBy(() -> of("collector=http://me:hunter2@host")).hasMessageNotContaining("hunter2");
    }

    @Test
    void whatIsSwitchedOffDoesNotComplain() throws ConfigException {
        assertThat(of("enabled=false,nonsense=1").enabled()).isFalse();
        assertThat(ConfigSources.read("http=maybe", new Properties(), Map.of("PITOT_ENABLED", "FALSE"))
                        .enabled())
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "com.acme.Main,Main",
        "com.acme.Main a.jar,Main",
        "Main,Main",
        "my.module/com.acme.Main x,Main",
        "/opt/app/orders-1.2.3-SNAPSHOT.jar --x=1,orders",
        "app.jar,app",
        "C:\\app\\web_2.jar,web",
        "jdk.compiler/com.sun.tools.javac.launcher.Main src/Hello.java a,Hello",
        "'',java"
    })
    void theServiceIsNamedAfterTheMainClassOrJar(String command, String service) throws ConfigException {
        Properties properties = new Properties();
        properties.setProperty("sun.java.command", command);
        assertThat(ConfigSources.read(null, properties, Map.of()).service()).isEqualTo(service);
    }

    @Test
    void eventsOfCountersMayStandInTheArgumentsWithTheirCommas() throws Exception {
        AgentConfig config = of("service=a,counters=default,cycles,cpu/event=0x3c,umask=0x1/,r01c2,http=false");
        assertThat(config.counters().usual()).isTrue();
        assertThat(config.counters().names()).containsExactly("cycles", "cpu/event=0x3c,umask=0x1/", "r01c2");
        assertThat(config.http().enabled()).isFalse();
        assertThat(of("counters=cycles").counters().usual()).isFalse();
        assertThat(of("counters=perf").counters()).isEqualTo(new CounterChoice(true, true, true, List.of(), 8, false));
        assertThat(of("counters=none,counters.host=true").counters()).isEqualTo(CounterChoice.NONE);
    }
}
