package dev.pitot.agent.uplink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pitot.agent.config.CollectorAddress;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The HTTP client against servers that answer what the test says: well, badly, slowly, for ever, not at all. */
@Timeout(20)
class HttpClientTest {
    private static final byte[] BODY = "wire=1\n\n".getBytes(StandardCharsets.UTF_8);

    private interface Conversation {
        void with(Socket socket) throws Exception;
    }

    private final List<ServerSocket> servers = new ArrayList<>();

    @AfterEach
    void close() throws IOException {
        for (ServerSocket server : servers) {
            server.close();
        }
    }

    /** Each connection gets the next conversation. */
    private HttpClient against(Conversation... conversations) throws IOException {
        return new HttpClient(serve(new ServerSocket(), false, conversations));
    }

    private CollectorAddress serve(ServerSocket server, boolean tls, Conversation... conversations) throws IOException {
        server.setReceiveBufferSize(4096);
        server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 10);
        servers.add(server);
        Thread thread = new Thread(() -> {
            for (Conversation conversation : conversations) {
                try (Socket socket = server.accept()) {
                    conversation.with(socket);
                } catch (Exception ended) {
                    // The client saw it too.
                }
            }
        });
        thread.setDaemon(true);
        thread.start();
        return new CollectorAddress(tls, "127.0.0.1", server.getLocalPort(), "/base");
    }

    /** Reads one request to its end and returns its head. */
    private static String request(Socket socket) throws IOException {
        InputStream in = socket.getInputStream();
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int b = in.read();
            if (b < 0) {
                throw new IOException("closed");
            }
            head.append((char) b);
        }
        in.readNBytes(BODY.length);
        return head.toString();
    }

    private static Conversation answers(String... replies) {
        return socket -> {
            for (String reply : replies) {
                request(socket);
                socket.getOutputStream().write(reply.getBytes(StandardCharsets.UTF_8));
            }
        };
    }

    private static Reply post(HttpClient client, Duration most) throws IOException {
        return client.post("t0ken", BODY, BODY.length, System.nanoTime() + most.toNanos());
    }

    @Test
    void oneConnectionServesManyRequests() throws IOException {
        String[] heads = new String[1];
        HttpClient client = against(socket -> {
            for (int i = 0; i < 3; i++) {
                heads[0] = request(socket);
                String body = "wire=1\ndurable=1.2:" + i + "\ncadence=1000\nmessage=a%0Ab%25\n";
                socket.getOutputStream()
                        .write(("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                                .getBytes(StandardCharsets.UTF_8));
            }
        });
        for (long i = 0; i < 3; i++) {
            Reply reply = post(client, Duration.ofSeconds(5));
            assertThat(reply.status()).isEqualTo(200);
            assertThat(reply.durable()).containsEntry("1.2", i);
            assertThat(reply.cadenceMillis()).isEqualTo(1000);
            assertThat(reply.message()).isEqualTo("a b%");
        }
        assertThat(heads[0])
                .startsWith("POST /base/ingest/v1 HTTP/1.1\r\n")
                .contains("Authorization: Bearer t0ken\r\n");
    }

    @Test
    void aReplyInChunksAndOneThatEndsWithItsConnectionAreRead() throws IOException {
        HttpClient client = against(
                answers(
                        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + "6;x=y\r\nwire=1\r\n1\r\n\n\r\n8\r\noff=true\r\n0\r\n\r\n"),
                answers("HTTP/1.0 200 OK\r\n\r\nhello=wanted\n"));
        Reply chunked = post(client, Duration.ofSeconds(5));
        assertThat(chunked.status()).isEqualTo(503);
        assertThat(chunked.retryAfterMillis()).isEqualTo(7000);
        assertThat(chunked.off()).isTrue();
        assertThat(post(client, Duration.ofSeconds(5)).helloWanted()).isTrue();
    }

    @Test
    void aConnectionThatWasClosedMeanwhileIsReplacedOnce() throws IOException {
        String ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        HttpClient client = against(answers(ok), answers(ok));
        assertThat(post(client, Duration.ofSeconds(5)).status()).isEqualTo(200);
        assertThat(post(client, Duration.ofSeconds(5)).status()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nonsense\r\n\r\n",
                "HTTP/1.1 abc\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
                ""
            })
    void aMalformedReplyIsAnErrorAndNothingElse(String reply) throws IOException {
        HttpClient client = against(answers(reply));
        assertThatThrownBy(() -> post(client, Duration.ofSeconds(5))).isInstanceOf(IOException.class);
    }

    @Test
    void anEndlessReplyIsCut() throws IOException {
        for (String start :
                List.of("HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n")) {
            HttpClient client = against(socket -> {
                request(socket);
                socket.getOutputStream().write(start.getBytes(StandardCharsets.UTF_8));
                byte[] more = "A: b\r\n".repeat(1000).getBytes(StandardCharsets.UTF_8);
                while (true) {
                    socket.getOutputStream().write(more);
                }
            });
            assertThatThrownBy(() -> post(client, Duration.ofSeconds(10)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("too large");
        }
    }

    @Test
    void silenceAndDripsEndAtTheDeadline() throws IOException {
        CountDownLatch over = new CountDownLatch(1);
        HttpClient silent = against(socket -> {
            request(socket);
            over.await(10, TimeUnit.SECONDS);
        });
        HttpClient drips = against(socket -> {
            request(socket);
            for (int i = 0; i < 100; i++) {
                socket.getOutputStream().write('H');
                over.await(50, TimeUnit.MILLISECONDS);
            }
        });
        for (HttpClient client : List.of(silent, drips)) {
            long before = System.nanoTime();
            assertThatThrownBy(() -> post(client, Duration.ofMillis(300))).isInstanceOf(SocketTimeoutException.class);
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(2));
        }
        over.countDown();
    }

    /** Posts much to a peer that reads nothing of it, and aborts from another thread. */
    private static void assertThatAbortDoesNotWait(HttpClient client, CountDownLatch stalled) throws Exception {
        byte[] large = new byte[32 << 20];
        AtomicReference<@Nullable Throwable> ended = new AtomicReference<>();
        Thread poster = new Thread(() -> {
            try {
                client.post(null, large, large.length, System.nanoTime() + TimeUnit.SECONDS.toNanos(15));
            } catch (Throwable failure) {
                ended.set(failure);
            }
        });
        poster.setDaemon(true);
        poster.start();
        stalled.await();
        // Until it is in the kernel's hands and waits there.
        await().until(() -> Arrays.toString(poster.getStackTrace()).contains("NioSocketImpl.implWrite"));
        long before = System.nanoTime();
        client.abort();
        poster.join(2_000);
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(2));
        assertThat(ended.get()).isInstanceOf(IOException.class);
    }

    @Test
    void aPeerThatReadsNothingIsLeftByAbort() throws Exception {
        CountDownLatch accepted = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        HttpClient client = against(socket -> {
            accepted.countDown();
            over.await(15, TimeUnit.SECONDS);
        });
        assertThatAbortDoesNotWait(client, accepted);
        over.countDown();
    }

    @Test
    void aPeerThatStopsReadingInTheMiddleOfASegmentIsLeftByAbortOverTlsToo(@TempDir Path folder) throws Exception {
        SSLContext context = TestCertificate.in(folder).context();
        CountDownLatch stalled = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        CollectorAddress address = serve(context.getServerSocketFactory().createServerSocket(), true, socket -> {
            request(socket);
            stalled.countDown();
            over.await(15, TimeUnit.SECONDS);
        });
        assertThatAbortDoesNotWait(new HttpClient(address, context), stalled);
        over.countDown();
    }

    @Test
    void manyRequestsGoOverOneTlsConnectionAndAnUntrustedCertificateIsAnError(@TempDir Path folder) throws Exception {
        SSLContext context = TestCertificate.in(folder).context();
        String ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        CollectorAddress address =
                serve(context.getServerSocketFactory().createServerSocket(), true, answers(ok, ok), answers(ok));
        HttpClient client = new HttpClient(address, context);
        for (int i = 0; i < 2; i++) {
            assertThat(post(client, Duration.ofSeconds(5)).status()).isEqualTo(200);
        }
        client.close();
        assertThatThrownBy(() -> post(new HttpClient(address), Duration.ofSeconds(5)))
                .isInstanceOf(SSLException.class);
    }

    @Test
    void onceEndedItNeverConnectsAgain() throws IOException {
        HttpClient client = against(answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        client.end();
        assertThatThrownBy(() -> post(client, Duration.ofSeconds(5))).hasMessage("given up");
    }
}
