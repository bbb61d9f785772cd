package dev.pitot.web.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import java.io.File;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One cluster, made once, that the tests start and stop; each test begins and ends with no server. */
class EmbeddedPostgresIT {
    private static final Path DATA = TestPostgres.reachableFolder("launcher");
    private static final Path FOLDER = DATA.resolve("postgres");
    private static final Path CLUSTER = FOLDER.resolve("data");
    private static final List<String> FIRST_STEPS = new ArrayList<>();

    private final List<Process> collectors = new ArrayList<>();

    @BeforeAll
    static void makeTheClusterInAFolderThatDoesNotExist() throws IOException {
        Binaries.delete(DATA);
        try (EmbeddedPostgres postgres = EmbeddedPostgres.start(DATA, FIRST_STEPS::add)) {
            execute(postgres, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)");
        }
    }

    @AfterAll
    static void removeTheCluster() throws IOException {
        Binaries.delete(DATA);
    }

    @BeforeEach
    @AfterEach
    void noServerRuns() {
        for (Process collector : collectors) {
            collector.destroyForcibly();
        }
        assertThat(Postmaster.processesIn(CLUSTER)).isEmpty();
    }

    @Test
    void dataPortAndPasswordSurviveARestart() throws Exception {
        int port;
        String password;
        long first;
        try (EmbeddedPostgres postgres = start()) {
            execute(postgres, "CREATE TABLE again (n int)", "INSERT INTO again VALUES (7)");
            port = postgres.port();
            password = postgres.password();
            first = postgres.pid();
        }
        try (EmbeddedPostgres postgres = start()) {
            assertThat(postgres.pid()).isNotEqualTo(first);
            assertThat(query(postgres, "SELECT n FROM again")).isEqualTo("7");
            assertThat(query(postgres, "SELECT n FROM kept")).isEqualTo("42");
            assertThat(postgres.port()).isEqualTo(port);
            assertThat(postgres.password()).isEqualTo(password);
            assertThat(postgres.jdbcUrl()).isEqualTo("jdbc:postgresql://127.0.0.1:" + port + "/pitot");
            execute(postgres, "DROP TABLE again");
        }
    }

    @Test
    void onlyTheFirstStartHasLongSteps() {
        assertThat(FIRST_STEPS)
                .anyMatch(step -> step.startsWith("Unpacking"))
                .anyMatch(step -> step.startsWith("Creating"));
        List<String> steps = new ArrayList<>();
        EmbeddedPostgres.start(DATA, steps::add).close();
        assertThat(steps).hasSize(1).first().asString().startsWith("Starting PostgreSQL");
    }

    @Test
    void aTakenPortIsReplacedByAFreeOne() throws Exception {
        int port;
        try (EmbeddedPostgres postgres = start()) {
            port = postgres.port();
        }
        try (ServerSocket taken = new ServerSocket()) {
            taken.bind(new InetSocketAddress("127.0.0.1", port));
            try (EmbeddedPostgres postgres = start()) {
                assertThat(postgres.port()).isNotEqualTo(port);
                assertThat(query(postgres, "SELECT n FROM kept")).isEqualTo("42");
            }
        }
    }

    @Test
    void nobodyGetsInWithoutThePassword() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            for (String role : List.of("pitot", "postgres")) {
                for (String password : List.of("", "wrong", postgres.user())) {
                    assertThatThrownBy(() -> EmbeddedPostgres.connect(postgres.jdbcUrl(), role, password))
                            .as("role " + role + " with password '" + password + "'")
                            .isInstanceOf(SQLException.class);
                }
            }
            // The driver refuses an empty password by itself; what counts is that the server asks for SCRAM and nothing
            // else.
            assertThat(queryAsSuperuser(
                            postgres,
                            "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules WHERE error IS NULL"))
                    .isEqualTo("scram-sha-256");
            assertThat(queryAsSuperuser(
                            postgres,
                            "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM%'"))
                    .isEqualTo("0");
        }
        try (Stream<String> lines = Files.lines(CLUSTER.resolve("pg_hba.conf"))) {
            assertThat(lines.map(String::strip).filter(line -> !line.isEmpty() && !line.startsWith("#")))
                    .isNotEmpty()
                    .allMatch(line -> line.endsWith("scram-sha-256"));
        }
    }

    @Test
    void theApplicationOwnsItsDatabaseAndNothingElse() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            assertThat(query(postgres, """
                    SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
                    FROM pg_roles WHERE rolname = current_user""")).isEqualTo("f");
            assertThat(query(postgres, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'pitot'"))
                    .isEqualTo("pitot");
            assertThatThrownBy(() -> query(postgres, "SELECT pg_read_file('PG_VERSION')"))
                    .hasMessageContaining("permission denied");
            assertThatThrownBy(() -> execute(postgres, "COPY kept FROM PROGRAM 'id'"))
                    .hasMessageContaining("permission denied");
            assertThat(query(
                            postgres,
                            "SELECT pg_encoding_to_char(encoding) || ' ' || datlocprovider::text || ' ' || datlocale FROM pg_database"
                                    + " WHERE datname = 'pitot'"))
                    .isEqualTo("UTF8 b C.UTF-8");
        }
    }

    @Test
    void whatIsCommittedIsOnDisk() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            for (String setting : List.of("fsync", "synchronous_commit", "full_page_writes", "data_checksums")) {
                assertThat(query(postgres, "SHOW " + setting)).as(setting).isEqualTo("on");
            }
            assertThat(query(postgres, "SHOW jit")).isEqualTo("off");
            assertThat(query(postgres, "SHOW max_connections")).isEqualTo("50");
            assertThat(query(postgres, "SHOW wal_compression")).isEqualTo("pglz");
        }
    }

    @Test
    void itListensOnTheLoopbackAddressOnly() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            assertThat(listenersOn(postgres.port()))
                    .as("addresses in /proc/net/tcp and tcp6, as the kernel writes them")
                    .containsExactly("0100007F"); // 127.0.0.1
            for (InetAddress other : ownNonLoopbackAddresses()) {
                assertThatThrownBy(() -> {
                            try (Socket socket = new Socket()) {
                                socket.connect(new InetSocketAddress(other, postgres.port()), 1_000);
                            }
                        })
                        .as(other.toString())
                        .isInstanceOf(IOException.class);
            }
            assertThat(queryAsSuperuser(postgres, "SHOW unix_socket_directories"))
                    .isEmpty();
        }
    }

    @Test
    void secretsAndDataAreClosedToOthers() throws Exception {
        start().close();
        for (String secret : List.of("password", "superuser-password", "lock", "port")) {
            assertThat(mode(FOLDER.resolve(secret))).as(secret).isEqualTo("rw-------");
        }
        assertThat(mode(CLUSTER)).isEqualTo("rwx------");
        assertThat(mode(FOLDER.resolve("log"))).isEqualTo("rwx------");
        assertThat(mode(FOLDER)).startsWith("rwx").endsWith("---").doesNotContain("r-x");
        assertThat(mode(DATA)).startsWith("rwx").endsWith("---").doesNotContain("r-x");
        assertThat(FOLDER.resolve("initdb-password")).doesNotExist();
        try (Stream<Path> files = Files.walk(FOLDER.resolve("log"))) {
            String secret = Files.readString(FOLDER.resolve("password")).strip();
            assertThat(files.filter(Files::isRegularFile)).allSatisfy(file -> {
                assertThat(mode(file)).isEqualTo("rw-------");
                assertThat(Files.readString(file)).doesNotContain(secret);
            });
        }
    }

    @Test
    void rootsPostgresRunsAsAnUnprivilegedUserThatCannotReadTheSecrets() throws Exception {
        assumeThat(ServiceAccount.ownUid()).isZero();
        try (EmbeddedPostgres postgres = start()) {
            int uid = (Integer) Files.getAttribute(Path.of("/proc", Long.toString(postgres.pid())), "unix:uid");
            assertThat(uid).isNotZero().isEqualTo(ServiceAccount.uid(CLUSTER));
            assertThat(ServiceAccount.uid(FOLDER)).isZero();
            assertThat(ServiceAccount.uid(FOLDER.resolve("superuser-password"))).isZero();
            String status = Files.readString(Path.of("/proc", Long.toString(postgres.pid()), "status"));
            assertThat(status)
                    .containsPattern("CapEff:\\s+0{16}\n")
                    .containsPattern("NoNewPrivs:\\s+1\n")
                    .containsPattern("Groups:\\s*\n");
        }
    }

    @Test
    void rootIsToldWhichFolderTheServiceUserCannotEnter() throws Exception {
        assumeThat(ServiceAccount.ownUid()).isZero();
        Path shut = TestPostgres.reachableFolder("shut");
        Binaries.delete(shut);
        Files.createDirectory(shut, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Files.createDirectory(shut.resolve("between"));
        try {
            assertThatThrownBy(() -> EmbeddedPostgres.start(shut.resolve("between/data"), step -> {}))
                    .isInstanceOf(PostgresException.class)
                    .hasMessageContaining("may not enter " + shut + ";")
                    .hasMessageContaining("--data");
        } finally {
            Binaries.delete(shut);
        }
    }

    @Test
    void aCtrlCInTheTerminalDoesNotReachTheServer() throws Exception {
        try (EmbeddedPostgres postgres = start()) {
            // The terminal signals the foreground process group; the server leads a session and a group of its own.
            String stat = Files.readString(Path.of("/proc", Long.toString(postgres.pid()), "stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            assertThat(fields[2]).as("process group").isEqualTo(Long.toString(postgres.pid()));
            assertThat(fields[3]).as("session").isEqualTo(Long.toString(postgres.pid()));
        }
    }

    @Test
    void aSecondStartOnTheSameFolderIsRefusedAndHarmsNothing() throws Exception {
        Process collector = collector();
        long server = Long.parseLong(nextLine(collector));
        assertThatThrownBy(this::start)
                .isInstanceOf(PostgresException.class)
                .hasMessage("The data folder " + DATA.toRealPath() + " is in use by process " + collector.pid()
                        + "; stop it or choose another folder with --data.");
        assertThat(Postmaster.processesIn(CLUSTER)).contains(server);
        collector.destroy();
        assertThat(collector.waitFor(30, TimeUnit.SECONDS)).isTrue();

        try (EmbeddedPostgres postgres = start()) {
            assertThatThrownBy(this::start)
                    .hasMessageContaining(
                            "in use by process " + ProcessHandle.current().pid());
            // The refused start must not have dropped the lock that this JVM holds.
            Process other = collector();
            assertThat(nextLine(other))
                    .contains("in use by process " + ProcessHandle.current().pid());
            assertThat(query(postgres, "SELECT n FROM kept")).isEqualTo("42");
        }
    }

    @Test
    void aServerLeftByAKilledCollectorIsTakenOver() throws Exception {
        Process collector = collector();
        long server = Long.parseLong(nextLine(collector));
        collector.destroyForcibly().waitFor();
        assertThat(Postmaster.processesIn(CLUSTER)).contains(server);
        List<String> steps = new ArrayList<>();
        try (EmbeddedPostgres postgres = EmbeddedPostgres.start(DATA, steps::add)) {
            assertThat(postgres.pid()).isEqualTo(server);
            assertThat(steps).containsExactly("Taking over the running PostgreSQL, process " + server + ".");
            assertThat(query(postgres, "SELECT n FROM kept")).isEqualTo("42");
        }
    }

    @Test
    void anOrphanWhosePasswordIsLostIsReplacedAndTheRoleRepaired() throws Exception {
        Process collector = collector();
        long server = Long.parseLong(nextLine(collector));
        collector.destroyForcibly().waitFor();
        String lost = Files.readString(FOLDER.resolve("password"));
        Files.delete(FOLDER.resolve("password"));
        try (EmbeddedPostgres postgres = start()) {
            assertThat(postgres.pid()).isNotEqualTo(server);
            assertThat(postgres.password()).isNotEqualTo(lost.strip());
            assertThat(query(postgres, "SELECT n FROM kept")).isEqualTo("42");
        }
    }

    @Test
    void aKilledServerRecoversWhatWasCommitted() throws Exception {
        EmbeddedPostgres postgres = start();
        execute(postgres, "CREATE TABLE crash (n int)", "INSERT INTO crash VALUES (1)");
        ProcessHandle.of(postgres.pid()).orElseThrow().destroyForcibly();
        await().atMost(Duration.ofSeconds(20))
                .until(() -> Postmaster.processesIn(CLUSTER).isEmpty());
        postgres.close();
        assertThat(CLUSTER.resolve("postmaster.pid")).as("stale lock file").exists();
        try (EmbeddedPostgres recovered = start()) {
            assertThat(query(recovered, "SELECT n FROM crash")).isEqualTo("1");
            execute(recovered, "DROP TABLE crash");
        }
    }

    @Test
    void aStaleLockFileWhoseNumberWentToAStrangerIsNoObstacleAndTheStrangerLives() throws Exception {
        Process stranger = asOwnerOfTheCluster("exec sleep 600");
        try {
            Files.writeString(
                    CLUSTER.resolve("postmaster.pid"),
                    stranger.pid() + "\n" + CLUSTER + "\n1700000000\n5432\n\n127.0.0.1\n  123 456\nready   \n");
            ServiceAccount.choose(CLUSTER).own(CLUSTER.resolve("postmaster.pid"));
            try (EmbeddedPostgres postgres = start()) {
                assertThat(query(postgres, "SELECT n FROM kept")).isEqualTo("42");
            }
            assertThat(stranger.isAlive()).isTrue();
        } finally {
            stranger.destroyForcibly();
        }
    }

    @Test
    void dataOfAnotherMajorVersionIsLeftAlone() throws Exception {
        Path version = CLUSTER.resolve("PG_VERSION");
        String original = Files.readString(version);
        Files.writeString(version, "15\n");
        try {
            assertThatThrownBy(this::start)
                    .isInstanceOf(PostgresException.class)
                    .hasMessageContaining("written by PostgreSQL 15")
                    .hasMessageContaining("carries PostgreSQL " + Binaries.MAJOR)
                    .hasMessageContaining("--data");
        } finally {
            Files.writeString(version, original);
        }
        start().close();
    }

    @Test
    void aServerThatDoesNotStartSaysWhyInItsOwnWords() throws Exception {
        Path conf = CLUSTER.resolve("postgresql.conf");
        String original = Files.readString(conf);
        Files.writeString(conf, original + "\nno_such_setting = 1\n");
        try {
            assertThatThrownBy(this::start)
                    .isInstanceOf(PostgresException.class)
                    .hasMessageContaining("no_such_setting")
                    .hasMessageContaining(FOLDER.resolve("log").toString());
        } finally {
            Files.writeString(conf, original);
        }
        start().close();
    }

    @Test
    void aFailedCreationSaysWhyAndLeavesNothingHalfDone() throws Exception {
        Path data = TestPostgres.reachableFolder("cramped");
        Binaries.delete(data);
        Path folder = data.resolve("postgres");
        try {
            // A limit of 4 MB a file stands for a full disk: the first WAL segment of 16 MB does not fit, the binaries
            // (copied here, as the limit would stop their unpacking first) are there already.
            Files.createDirectories(folder);
            ServiceAccount.choose(folder.resolve("data")).letThrough(data);
            copyBinaries(folder);
            Process cramped = java(List.of("/bin/sh", "-c", "ulimit -f 8192; exec \"$@\"", "sh"), data);
            String said = nextLine(cramped);
            assertThat(said)
                    .startsWith("PostgresException: The database could not be created in ")
                    .contains("File too large");
            assertThat(cramped.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(folder.resolve("data")).doesNotExist();
            assertThat(folder.resolve("data.new")).doesNotExist();
            assertThat(folder.resolve("initdb-password")).doesNotExist();
            Files.createDirectories(folder.resolve("data.new/half"));
            try (EmbeddedPostgres postgres = EmbeddedPostgres.start(data, step -> {})) {
                assertThat(query(postgres, "SELECT 1")).isEqualTo("1");
                assertThat(folder.resolve("data.new")).doesNotExist();
            }
        } finally {
            Binaries.delete(data);
        }
    }

    @Test
    void oldServerLogsAreDeleted() throws Exception {
        for (int n = 1; n <= 9; n++) {
            Files.writeString(FOLDER.resolve("log").resolve("postgresql-20200101-00000" + n + ".log"), "old");
        }
        try (EmbeddedPostgres postgres = start()) {
            await().atMost(Duration.ofSeconds(10)).untilAsserted(() -> {
                try (Stream<Path> files = Files.list(FOLDER.resolve("log"))) {
                    assertThat(files.filter(
                                    file -> file.getFileName().toString().startsWith("postgresql-")))
                            .hasSize(5)
                            .anyMatch(file -> !file.getFileName().toString().contains("2020"));
                }
            });
            assertThat(postgres.pid()).isPositive();
        }
    }

    @Test
    void closeLeavesNoProcessEvenWithAClientAndMayBeCalledAgain() throws Exception {
        EmbeddedPostgres postgres = start();
        try (Connection client = connect(postgres)) {
            assertThat(client.isValid(5)).isTrue();
            postgres.close();
            assertThat(Postmaster.processesIn(CLUSTER)).isEmpty();
            assertThat(client.isValid(1)).isFalse();
        }
        assertThat(CLUSTER.resolve("postmaster.pid")).doesNotExist();
        assertThatCode(postgres::close).doesNotThrowAnyException();
    }

    @Test
    void aCollectorStoppedWhileItStartsLeavesNoServer() throws Exception {
        Process collector = collector("exit as soon as the server's first process is there");
        assertThat(collector.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(collector.inputReader().readLine()).isEqualTo("server seen, exit");
        assertThat(Postmaster.processesIn(CLUSTER)).isEmpty();
    }

    @Test
    void eachTestGetsAnEmptyDatabaseOfItsOwn() throws Exception {
        TestPostgres.Database one = TestPostgres.freshDatabase();
        TestPostgres.Database two = TestPostgres.freshDatabase();
        try (Connection connection = one.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE mine (n int)");
        }
        try (Connection connection = two.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE mine (n int)");
        }
    }

    /** A collector as far as this class goes: starts, closes in a shutdown hook, and waits to be stopped. */
    static final class Collector {
        public static void main(String[] args) throws InterruptedException {
            Path data = Path.of(args[0]);
            if (args.length > 1) {
                new Thread(() -> exitWhenAServerIsThere(data)).start();
            }
            try {
                EmbeddedPostgres postgres = EmbeddedPostgres.start(data, step -> {});
                Runtime.getRuntime().addShutdownHook(new Thread(postgres::close));
                System.out.println(postgres.pid());
            } catch (PostgresException e) {
                System.out.println("PostgresException: " + e.getMessage());
                System.exit(1);
            }
            Thread.currentThread().join();
        }

        private static void exitWhenAServerIsThere(Path data) {
            while (Postmaster.processesIn(data.toAbsolutePath().resolve("postgres/data"))
                    .isEmpty()) {
                Thread.onSpinWait();
            }
            System.out.println("server seen, exit");
            System.exit(0);
        }
    }

    private Process collector(String... more) throws IOException {
        return java(List.of(), DATA, more);
    }

    private Process java(List<String> before, Path data, String... more) throws IOException {
        List<String> command = new ArrayList<>(before);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Collector.class.getName(),
                data.toString()));
        command.addAll(List.of(more));
        Process process = new ProcessBuilder(command)
                .redirectError(new File("target/collector-stderr.log"))
                .start();
        collectors.add(process);
        return process;
    }

    private static String nextLine(Process process) throws IOException {
        String line = process.inputReader().readLine();
        assertThat(line)
                .as("a line from the child JVM; see target/collector-stderr.log")
                .isNotNull();
        return line;
    }

    private static Process asOwnerOfTheCluster(String script) throws IOException {
        return new ProcessBuilder(ServiceAccount.choose(CLUSTER).command(List.of("/bin/sh", "-c", script))).start();
    }

    private static void copyBinaries(Path folder) throws Exception {
        Path home;
        try (Stream<Path> children = Files.list(FOLDER)) {
            home = children.filter(child -> child.getFileName().toString().startsWith("bin-"))
                    .findFirst()
                    .orElseThrow();
        }
        Process copy = new ProcessBuilder("cp", "-a", home.toString(), folder.toString())
                .inheritIO()
                .start();
        assertThat(copy.waitFor()).isZero();
    }

    private EmbeddedPostgres start() {
        return EmbeddedPostgres.start(DATA, step -> {});
    }

    private static Connection connect(EmbeddedPostgres postgres) throws SQLException {
        return EmbeddedPostgres.connect(postgres.jdbcUrl(), postgres.user(), postgres.password());
    }

    private static void execute(EmbeddedPostgres postgres, String... statements) {
        try (Connection connection = connect(postgres);
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private static String query(EmbeddedPostgres postgres, String sql) throws SQLException {
        try (Connection connection = connect(postgres)) {
            return first(connection, sql);
        }
    }

    private static String queryAsSuperuser(EmbeddedPostgres postgres, String sql) throws SQLException {
        try (Connection connection =
                EmbeddedPostgres.connect(postgres.superuserUrl(), "postgres", postgres.superuserPassword())) {
            return first(connection, sql);
        }
    }

    private static String first(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            assertThat(rows.next()).isTrue();
            return rows.getString(1);
        }
    }

    private static List<String> listenersOn(int port) throws IOException {
        List<String> addresses = new ArrayList<>();
        String suffix = String.format(":%04X", port);
        for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
            if (!Files.exists(Path.of(table))) {
                continue; // a kernel without IPv6
            }
            for (String line : Files.readAllLines(Path.of(table))) {
                String[] columns = line.strip().split("\\s+");
                if (columns[1].endsWith(suffix) && columns[3].equals("0A")) {
                    addresses.add(columns[1].substring(0, columns[1].indexOf(':')));
                }
            }
        }
        return addresses;
    }

    private static List<InetAddress> ownNonLoopbackAddresses() throws IOException {
        return NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> address instanceof Inet4Address && !address.isLoopbackAddress())
                .toList();
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS));
    }
}
