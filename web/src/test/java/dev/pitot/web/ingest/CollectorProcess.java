package dev.pitot.web.ingest;

import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Database and ingest in a JVM of their own, that a test can kill; posts go through its standard input and output. */
public final class CollectorProcess implements AutoCloseable {
    private final Process process;
    private final DataOutputStream in;
    private final DataInputStream out;

    CollectorProcess(String url, String user, String password) throws IOException {
        process = new ProcessBuilder(
                        java.nio.file.Path.of(System.getProperty("java.home"), "bin", "java")
                                .toString(),
                        "-Xmx256m",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        CollectorProcess.class.getName(),
                        url,
                        user,
                        password)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        in = new DataOutputStream(process.getOutputStream());
        out = new DataInputStream(process.getInputStream());
    }

    Reply post(byte[] body) throws IOException {
        in.writeInt(body.length);
        in.write(body);
        in.flush();
        int status = out.readInt();
        return new Reply(status, out.readUTF(), out.readInt());
    }

    void kill9() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Ends it in order: its input ends, and it closes. */
    @Override
    public void close() throws IOException {
        try {
            in.close();
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException("the collector did not end");
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] args) throws Exception {
        DataOutputStream answers = new DataOutputStream(System.out);
        DataInputStream posts = new DataInputStream(System.in);
        try (Database database = Database.open(DatabaseSettings.of(args[0], args[1], args[2]));
                Ingest ingest = new Ingest(
                        database,
                        new RecordingFeed(),
                        IngestSettings.standard().withCommitWindow(Duration.ofMillis(5)))) {
            while (true) {
                byte[] body = new byte[posts.readInt()];
                posts.readFully(body);
                Reply reply = ingest.handle(body);
                answers.writeInt(reply.status());
                answers.writeUTF(reply.text());
                answers.writeInt(reply.retryAfterSeconds());
                answers.flush();
            }
        } catch (EOFException end) {
            // The test closes it.
        }
    }
}
