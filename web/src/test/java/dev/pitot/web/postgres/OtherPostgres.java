package dev.pitot.web.postgres;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * A PostgreSQL of another version than ours: from an archive such as ours, or the one that is installed in a folder.
 *
 * @param server stopped by the caller
 * @param binaries the folder with its {@code bin}
 */
record OtherPostgres(Server server, Path binaries) {
    static final String SUPERUSER_PASSWORD = "other";

    /**
     * Makes a cluster in {@code folder/data}, as an earlier Pitot would, and starts it.
     *
     * @param source a jar with the archive, or a folder with {@code bin/postgres}
     * @param folder private, and reachable for the account that PostgreSQL runs as
     */
    static OtherPostgres start(Path source, Path folder) throws IOException {
        Path cluster = folder.resolve("data");
        Path logs = folder.resolve("log");
        ServiceAccount account = ServiceAccount.choose(cluster);
        PrivateFolder.makeDirectory(folder, "rwx------");
        account.letThrough(folder);
        for (Path path : List.of(cluster, logs)) {
            Binaries.delete(path);
            PrivateFolder.makeDirectory(path, "rwx------");
            account.own(path);
        }
        Path binaries = source;
        if (!Files.isDirectory(source)) {
            String name = source.getFileName().toString().replace(".jar", "");
            binaries = folder.resolve("bin-" + name + ".0-test");
            Binaries.delete(binaries);
            String archive = Binaries.archiveFor("Linux", System.getProperty("os.arch"), true);
            Binaries.unpack(URI.create("jar:" + source.toUri() + "!/" + archive).toURL(), binaries);
        }
        Path passwordFile = folder.resolve("initdb-password");
        PrivateFolder.write(passwordFile, SUPERUSER_PASSWORD);
        account.own(passwordFile);
        ChildCommand initdb = ChildCommand.run(
                account.command(List.of(
                        binaries.resolve("bin/initdb").toString(),
                        "--pgdata=" + cluster,
                        "--username=" + Server.SUPERUSER,
                        "--pwfile=" + passwordFile,
                        "--auth=scram-sha-256",
                        "--encoding=UTF8",
                        "--locale=C")),
                Map.of(),
                folder,
                Duration.ofMinutes(2),
                () -> {});
        Files.delete(passwordFile);
        if (!initdb.succeeded()) {
            throw new AssertionError("initdb of " + source + ": " + initdb.output());
        }
        Files.writeString(
                cluster.resolve("postgresql.conf"),
                "timezone = 'UTC'\nmax_connections = 60\njit = off\n",
                StandardOpenOption.APPEND);
        Server server = new Server(cluster, new ServerLogs(logs), account, binaries, step -> {});
        server.start(folder.resolve("port"), List.of(), () -> {});
        return new OtherPostgres(server, binaries);
    }
}
