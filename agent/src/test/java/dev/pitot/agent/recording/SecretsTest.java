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
                "Main credentials:hunter2",
                "-Ddb.pass=hunter2",
                "-Dspring.mail.pass=hunter2",
                "-Dbearer=hunter2",
                "-Dpin=hunter2",
                "-Dsalt=hunter2",
                "-DDB_PASS=hunter2",
                "-Dapikey=hunter2",
                "-agentlib:x=pass:hunter2",
                "-agentpath:/a/x.so=user:me,pass:hunter2",
                "Main --pass hunter2",
                "Main -pass hunter2 -x",
                "Main jdbc:oracle:thin:scott/hunter2@//host:1521/service",
                "Main jdbc:oracle:thin:scott/hu/n@hunter2@host:1521:sid",
                "Main https://hunter2@host/x",
                "Main redis://:hunter2@host",
                "Main postgresql://me:hun/hunter2@host",
                "Main postgresql://me:hunter2/pw@host",
                "Main postgresql://me:hu@hunter2@host",
                "Main {\"password\":\"hunter2\"}",
                "Main {\"user\": \"me\", \"password\" : \"a\\\"hunter2\"}",
                "Main Authorization: Bearer hunter2",
                "Main Authorization:Basic hunter2",
                "Main --header Bearer hunter2",
                "-Dheader=Authorization: Bearer hunter2",
                "Main token=abc,hunter2",
                "Main password=a;hunter2",
                "Main password=a&hunter2",
                "Main --password=a,hunter2"
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
                "Main --tokens-file x",
                "-Dkeyboard.layout=de",
                "-Dmonkey=1",
                "-Dpartition.keys=a,b",
                "-Dkey.serializer=com.acme.Text",
                "-Dtokenizer.model=x",
                "-Dbypass=true",
                "-Dauthor=me",
                "-Dspinning=1",
                "Main https://host/@scope/package",
                "Main https://host:443/a?b=c&d=e"
            })
    void whatIsNoSecretStays(String text) {
        assertThat(Secrets.scrub(text)).isSameAs(text);
    }

    @Test
    void theRestOfTheLineStays() {
        assertThat(Secrets.scrub("-javaagent:p.jar=service=x,token=t,http=true"))
                .isEqualTo("-javaagent:p.jar=service=x,token=***,http=true");
        assertThat(Secrets.scrub("Main --token abc https://me:pw@host/?access_token=t&x=1 last"))
                .isEqualTo("Main --token *** https://me:***@host/?access_token=***&x=1 last");
    }

    /** On a thread of its own with a small stack, where an expression that recurses for each character ends at once. */
    @ParameterizedTest
    @ValueSource(strings = {"Main --access-token=%s", "Main --secret \"%s\"", "-Dpassword=%s,%<s"})
    void aSecretOfAnyLengthIsMasked(String form) throws Exception {
        String secret = "hunter2".repeat(10_000);
        String[] scrubbed = new String[1];
        Thread small = new Thread(null, () -> scrubbed[0] = Secrets.scrub(form.formatted(secret)), "small", 256 << 10);
        small.start();
        small.join();
        assertThat(scrubbed[0]).isNotNull().doesNotContain("hunter2");
    }
}
