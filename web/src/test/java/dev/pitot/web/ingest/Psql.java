package dev.pitot.web.ingest;

import java.io.IOException;
import java.net.URI;

/** Runs psql. */
final class Psql {
    private Psql() {}

    /** @param url as JDBC has it, with a port */
    static void run(String url, String user, String password, String command) throws IOException, InterruptedException {
        URI uri = URI.create(url.substring("jdbc:".length()));
        ProcessBuilder builder = new ProcessBuilder(
                        "psql",
                        "-XAtq",
                        "-v",
                        "ON_ERROR_STOP=1",
                        "-h",
                        uri.getHost(),
                        "-p",
                        Integer.toString(uri.getPort()),
                        "-U",
                        user,
                        "-c",
                        command,
                        uri.getPath().substring(1))
                .inheritIO();
        builder.environment().put("PGPASSWORD", password);
        int status = builder.start().waitFor();
        if (status != 0) {
            throw new IOException("psql ended with " + status);
        }
    }
}
