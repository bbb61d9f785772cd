package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.postgres.TestPostgres;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TLS to a real PostgreSQL whose certificate, for localhost, is signed by a CA of our own. */
class TlsIT {
    @TempDir
    static Path folder;

    private static Path ca;
    private static Path otherCa;
    private static TestPostgres.Database at;

    @BeforeAll
    static void switchOn() throws Exception {
        ca = certificate("ca", null, "-ext", "bc:c");
        otherCa = certificate("other", null, "-ext", "bc:c");
        Path server = certificate("server", "ca", "-ext", "san=dns:localhost");
        at = TestPostgres.freshDatabase();
        TestPostgres.useTls(Files.readString(server), key("server"));
    }

    @AfterAll
    static void switchOff() throws Exception {
        TestPostgres.useNoTls();
    }

    private static String url(String host, String parameters) {
        return at.url().replace("127.0.0.1", host) + "?" + parameters;
    }

    private static Database open(String url) throws StoreException {
        return Database.open(DatabaseSettings.of(url, at.user(), at.password()));
    }

    @Test
    void aVerifiedConnectionIsEncrypted() throws Exception {
        try (Database database = open(url("localhost", "sslmode=verify-full&sslrootcert=" + ca));
                Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet row = s.executeQuery("select ssl from pg_stat_ssl where pid = pg_backend_pid()")) {
            row.next();
            assertThat(row.getBoolean(1)).isTrue();
        }
    }

    @Test
    void aServerThatCannotBeTrustedIsRefusedInOneSentenceThatSaysWhatToDo() throws Exception {
        refused(url("localhost", "sslmode=verify-full&sslrootcert=" + otherCa), "signed by nobody", "sslrootcert=FILE");
        refused(url("127.0.0.1", "sslmode=verify-full&sslrootcert=" + ca), "for another name", "write a name");
        refused(url("localhost", "sslmode=verify-full&sslrootcert=/none.crt"), "/none.crt", "sslrootcert=FILE");
        Path nonsense = Files.writeString(folder.resolve("nonsense"), "nonsense");
        refused(url("localhost", "sslmode=verify-full&sslrootcert=" + nonsense), "no certificate", "BEGIN CERTIFICATE");
    }

    @Test
    void aServerWithoutTlsIsRefusedInOneSentenceThatSaysWhatToDo() throws Exception {
        TestPostgres.useNoTls();
        try {
            refused(url("localhost", "sslmode=verify-full&sslrootcert=" + ca), "has no TLS", "ssl = on");
        } finally {
            TestPostgres.useTlsAgain();
        }
    }

    @Test
    void aWrongPasswordOrDatabaseIsSaidToBeThat() {
        refused(
                url("localhost", "sslmode=require&user=" + at.user() + "&password=x"),
                "authentication",
                "--db-password-file");
        refused(url("localhost", "sslmode=require").replace("/test_", "/none_"), "does not exist", "make it");
    }

    /** As {@link Database#open} says it, without the second that the pool takes for it. */
    private static void refused(String url, String why, String remedy) {
        Properties properties = new Properties();
        if (!url.contains("user=")) {
            properties.setProperty("user", at.user());
            properties.setProperty("password", at.password());
        }
        assertThatThrownBy(() -> DriverManager.getConnection(url, properties).close())
                .satisfies(failure -> assertThat(ConnectFailure.sentence(failure))
                        .startsWith("(")
                        .contains(why, remedy)
                        .endsWith(".")
                        .hasLineCount(1));
    }

    /** Made with keytool, as PEM; {@code signer} null: by itself. */
    private static Path certificate(String name, String signer, String... more) throws Exception {
        List<String> generate = new ArrayList<>(
                List.of("-genkeypair", "-alias", name, "-keyalg", "EC", "-dname", "CN=" + name, "-validity", "2"));
        if (signer != null) {
            generate.addAll(List.of("-signer", signer));
        }
        generate.addAll(List.of(more));
        keytool(generate);
        return Files.writeString(
                folder.resolve(name + ".crt"),
                pem("CERTIFICATE", keys().getCertificate(name).getEncoded()));
    }

    private static void keytool(List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-J-XX:TieredStopAtLevel=1"));
        command.addAll(arguments);
        command.addAll(List.of(
                "-keystore", folder.resolve("keys.p12").toString(), "-storetype", "PKCS12", "-storepass", "changeit"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
    }

    private static String key(String name) throws Exception {
        return pem("PRIVATE KEY", keys().getKey(name, "changeit".toCharArray()).getEncoded());
    }

    private static KeyStore keys() throws Exception {
        return KeyStore.getInstance(folder.resolve("keys.p12").toFile(), "changeit".toCharArray());
    }

    private static String pem(String what, byte[] bytes) {
        return "-----BEGIN " + what + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
                + "\n-----END " + what + "-----\n";
    }
}
