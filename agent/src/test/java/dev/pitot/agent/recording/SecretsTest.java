package dev.pitot.agent.recording;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretsTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "-Ddb.password=hunter2",
                "-Ddb.PASSWORD=a b hunter2",
                "-Djavax.net.ssl.keyStorePassword=hunter2",
                "-DapiKey=hunter2",
                "-Dauth=hunter2",
                "-javaagent:/a/pitot-agent.jar=service=x,token=hunter2,http=true",
                "Main --password hunter2 x",
                "Main --db-secret=hunter2",
                "Main --pwd \"a hunter2\"",
                "Main jdbc:postgresql://me:hunter2@host/db",
                "Main https://host/?access_token=hunter2&x=1",
                "Main credentials:hunter2"
            })
    void aSecretIsReplaced(String text) {
        assertThat(Secrets.scrub(text)).doesNotContain("hunter2").contains("***");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-Xmx64m",
                "-Dfile.encoding=UTF-8",
                "-Djavax.net.ssl.keyStore=/etc/store.p12",
                "-javaagent:/a/pitot-agent.jar=token-file=/run/token,service=x",
                "-XX:+UseG1GC",
                "com.acme.Main 7070 https://host:443/path",
                "Main --tokens-file x"
            })
    void whatIsNoSecretStays(String text) {
        assertThat(Secrets.scrub(text)).isSameAs(text);
    }

    @Test
    void theRestOfTheLineStays() {
        assertThat(Secrets.scrub("-javaagent:p.jar=service=x,token=t,http=true"))
                .isEqualTo("-javaagent:p.jar=service=x,token=***,http=true");
    }
}
