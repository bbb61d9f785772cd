package dev.pitot.agent.target;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.Dispatcher;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.apache.hc.client5.http.async.methods.SimpleHttpRequest;
import org.apache.hc.client5.http.async.methods.SimpleHttpResponse;
import org.apache.hc.client5.http.async.methods.SimpleRequestBuilder;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.impl.async.CloseableHttpAsyncClient;
import org.apache.hc.client5.http.impl.async.HttpAsyncClients;
import org.apache.hc.core5.concurrent.FutureCallback;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.util.Timeout;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.RequestBuilder;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.util.EntityUtils;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.slf4j.LoggerFactory;

/**
 * Requests to {@code /call/CLIENT/CASE} make a call to {@code /back/…} of the same server with that client and answer with what
 * came of it, the request that the back end saw included. {@code /log/…} logs.
 */
public final class ClientsTarget {
    private static final Duration SHORT = Duration.ofMillis(200);

    private final Map<String, Client> clients = new TreeMap<>();
    /** By the name of the client. */
    private final Map<String, Semaphore> arrived = new ConcurrentHashMap<>();

    private final CountDownLatch over = new CountDownLatch(1);
    private String here = "";
    private String nobody = "";

    /** What a call is to be; {@code own} is a traceparent of the application's own. */
    private record Case(String method, String url, String own, String body, boolean cancel) {}

    private interface Client {
        String call(Case call) throws Exception;
    }

    private ClientsTarget() {}

    public static void main(String[] args) throws Exception {
        new ClientsTarget().run();
    }

    private void run() throws Exception {
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("ROOT")).detachAndStopAllAppenders();
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("ROOT")).setLevel(ch.qos.logback.classic.Level.WARN);
        LoggerConfig root = ((LoggerContext) LogManager.getContext(false))
                .getConfiguration()
                .getRootLogger();
        root.getAppenders().keySet().forEach(root::removeAppender);
        Configurator.setRootLevel(org.apache.logging.log4j.Level.WARN);
        clients.put("jdk", ClientsTarget::jdk);
        clients.put("jdkAsync", this::jdkAsync);
        clients.put("url", ClientsTarget::url);
        clients.put("apache4", ClientsTarget::apache4);
        clients.put("apache5", ClientsTarget::apache5);
        clients.put("apache5Async", this::apache5Async);
        clients.put("okHttp", ClientsTarget::okHttp);
        clients.put("okHttpAsync", this::okHttpAsync);
        ExecutorService pool = Executors.newCachedThreadPool();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 200);
        server.setExecutor(pool);
        server.createContext("/call", this::call);
        server.createContext("/back", this::back);
        server.createContext("/log", this::log);
        server.start();
        here = "http://127.0.0.1:" + server.getAddress().getPort();
        // Bound and deaf.
        try (Socket deaf = new Socket()) {
            deaf.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            nobody = "http://127.0.0.1:" + deaf.getLocalPort();
            System.out.println("port " + server.getAddress().getPort());
            while (System.in.read() >= 0) {
                System.out.println("read");
            }
        }
        over.countDown();
        server.stop(0);
        pool.shutdown();
        pool.awaitTermination(5, TimeUnit.SECONDS);
        System.out.println("end");
        if (System.getProperties().get("pitot.test.finish") instanceof Runnable end) {
            end.run();
        }
        System.exit(0);
    }

    private void call(HttpExchange exchange) throws IOException {
        String[] path = exchange.getRequestURI().getPath().split("/");
        Case made =
                switch (path[3]) {
                    case "ok" -> new Case("GET", here + "/back/echo/4711?secret=1", null, null, false);
                    case "own" ->
                        new Case(
                                "GET",
                                here + "/back/echo/4711",
                                exchange.getRequestURI().getQuery(),
                                null,
                                false);
                    case "whole" -> new Case("GET", here + "/back/echo/4711?whole", null, null, false);
                    case "post" -> new Case("POST", here + "/back/echo/4711", null, "some text", false);
                    case "unwritten" -> new Case("GET", here + "/back/unwritten", null, null, false);
                    case "rejected" -> new Case("GET", here + "/back/rejected", null, null, false);
                    case "error" -> new Case("GET", here + "/back/error", null, null, false);
                    case "missing" -> new Case("GET", here + "/back/missing", null, null, false);
                    case "moved" -> new Case("GET", here + "/back/moved", null, null, false);
                    case "refused" -> new Case("GET", nobody + "/back/refused", null, null, false);
                    case "refusedPost" -> new Case("POST", nobody + "/back/refused", null, "some text", false);
                    case "timeout" -> new Case("GET", here + "/back/never", null, null, false);
                    case "cancelled" -> new Case("GET", here + "/back/never?" + path[2], null, null, true);
                    default -> throw new IOException(path[3]);
                };
        if (made.cancel()) {
            arrived.put(path[2], new Semaphore(0));
        }
        String came;
        try {
            if (path[3].equals("missing")) {
                Thread.sleep(20); // So that the agent reads anew how long this thread was off its CPU.
            }
            came = clients.get(path[2]).call(made);
        } catch (Exception failed) {
            came = failed.getClass().getName();
        }
        answer(exchange, 200, came);
    }

    private void back(HttpExchange exchange) throws IOException {
        switch (exchange.getRequestURI().getPath()) {
            case "/back/echo/4711" -> {
                List<String> trace = exchange.getRequestHeaders().get("traceparent");
                String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
                List<String> state = exchange.getRequestHeaders().get("tracestate");
                answer(
                        exchange,
                        200,
                        exchange.getRequestMethod() + " traceparent=" + trace + " tracestate=" + state + " " + body);
            }
            case "/back/error" -> answer(exchange, 500, "broken");
            case "/back/moved" -> {
                exchange.getResponseHeaders().add("Location", here + "/back/echo/4711");
                answer(exchange, 302, "moved");
            }
            case "/back/never" -> {
                String client = exchange.getRequestURI().getQuery();
                if (client != null) {
                    arrived.get(client).release();
                }
                try {
                    over.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
                exchange.close();
            }
            default -> answer(exchange, 404, "missing");
        }
    }

    private static void answer(HttpExchange exchange, int status, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getRequestBody().readAllBytes();
        exchange.sendResponseHeaders(status, bytes.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(bytes);
        }
        exchange.close();
    }

    private static final HttpClient JDK = HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NORMAL)
            .version(HttpClient.Version.HTTP_1_1)
            .build();

    private static java.net.http.HttpRequest jdkRequest(Case call) {
        java.net.http.HttpRequest.Builder builder = java.net.http.HttpRequest.newBuilder(URI.create(call.url()))
                .method(
                        call.method(),
                        call.body() == null
                                ? java.net.http.HttpRequest.BodyPublishers.noBody()
                                : java.net.http.HttpRequest.BodyPublishers.ofString(call.body()));
        if (call.own() != null) {
            builder.header("Traceparent", call.own());
        }
        if (!call.cancel()) {
            builder.timeout(call.url().endsWith("never") ? SHORT : Duration.ofSeconds(20));
        }
        return builder.build();
    }

    private static String jdk(Case call) throws Exception {
        java.net.http.HttpRequest request = jdkRequest(call);
        return said(request, JDK.send(request, HttpResponse.BodyHandlers.ofString()));
    }

    private String jdkAsync(Case call) throws Exception {
        java.net.http.HttpRequest request = jdkRequest(call);
        CompletableFuture<HttpResponse<String>> future = JDK.sendAsync(request, HttpResponse.BodyHandlers.ofString());
        if (call.cancel()) {
            arrived.get("jdkAsync").acquire();
            // Whether it is cancelled or failed for being cancelled is a race within the client.
            return future.cancel(true) + " " + future.isCompletedExceptionally();
        }
        try {
            return future.getClass().getSimpleName() + " " + said(request, future.get());
        } catch (ExecutionException failed) {
            return failed.getCause().getClass().getName();
        }
    }

    private static String said(java.net.http.HttpRequest request, HttpResponse<String> response) {
        return response.statusCode() + " " + response.body() + " "
                + request.headers().map().keySet()
                + response.request().headers().map().keySet();
    }

    @SuppressWarnings("deprecation")
    private static String url(Case call) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(call.url()).openConnection();
        connection.setReadTimeout(call.url().endsWith("never") ? (int) SHORT.toMillis() : 20_000);
        connection.setRequestMethod(call.method());
        if (call.own() != null) {
            connection.setRequestProperty("Traceparent", call.own());
        }
        if (call.body() != null) {
            connection.setDoOutput(true);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(call.body().getBytes(StandardCharsets.UTF_8));
            }
        }
        if (call.url().endsWith("moved")) {
            connection.connect(); // Else done by what asks for the one body or the other.
        }
        if (call.url().endsWith("unwritten")) {
            return "" + connection.getOutputStream(); // It refuses, as no output was announced.
        }
        int status = connection.getResponseCode();
        connection.getHeaderField("Date");
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return status + " " + new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static final CloseableHttpClient APACHE4 =
            HttpClients.custom().disableAutomaticRetries().build();

    private static String apache4(Case call) throws Exception {
        if (call.url().endsWith("whole")) {
            // As a proxy is asked.
            URI url = URI.create(call.url());
            try (CloseableHttpResponse response = APACHE4.execute(
                    new org.apache.http.HttpHost(url.getHost(), url.getPort()),
                    new org.apache.http.message.BasicHttpRequest(call.method(), call.url()))) {
                return EntityUtils.toString(response.getEntity());
            }
        }
        RequestBuilder builder = RequestBuilder.create(call.method())
                .setUri(call.url())
                .setConfig(RequestConfig.custom()
                        .setSocketTimeout(call.url().endsWith("never") ? (int) SHORT.toMillis() : 20_000)
                        .build());
        if (call.own() != null) {
            builder.addHeader("Traceparent", call.own());
        }
        if (call.body() != null) {
            builder.setEntity(new org.apache.http.entity.StringEntity(call.body()));
        }
        org.apache.http.client.methods.HttpUriRequest request = builder.build();
        try (CloseableHttpResponse response = APACHE4.execute(request)) {
            return response.getStatusLine().getStatusCode() + " " + EntityUtils.toString(response.getEntity()) + " "
                    + request.getAllHeaders().length;
        }
    }

    private static final org.apache.hc.client5.http.impl.classic.CloseableHttpClient APACHE5 =
            org.apache.hc.client5.http.impl.classic.HttpClients.custom()
                    .disableAutomaticRetries()
                    .build();

    private static org.apache.hc.client5.http.config.RequestConfig apache5Config(Case call) {
        return org.apache.hc.client5.http.config.RequestConfig.custom()
                .setResponseTimeout(
                        call.url().endsWith("never") && !call.cancel()
                                ? Timeout.ofMilliseconds(SHORT.toMillis())
                                : Timeout.ofSeconds(20))
                .build();
    }

    private static String apache5(Case call) throws Exception {
        HttpUriRequestBase request = new HttpUriRequestBase(call.method(), URI.create(call.url()));
        request.setConfig(apache5Config(call));
        if (call.own() != null) {
            request.addHeader("Traceparent", call.own());
        }
        if (call.body() != null) {
            request.setEntity(new org.apache.hc.core5.http.io.entity.StringEntity(call.body()));
        }
        return APACHE5.execute(
                request,
                response -> response.getCode() + " "
                        + org.apache.hc.core5.http.io.entity.EntityUtils.toString(response.getEntity()) + " "
                        + request.getHeaders().length);
    }

    private static final CloseableHttpAsyncClient APACHE5_ASYNC =
            HttpAsyncClients.custom().disableAutomaticRetries().build();

    /** Logs an error, on a thread of the client. */
    private static final class CallBack implements FutureCallback<SimpleHttpResponse> {
        final CountDownLatch called = new CountDownLatch(1);

        @Override
        public void completed(SimpleHttpResponse response) {
            LoggerFactory.getLogger("of.callback").error("called back");
            called.countDown();
        }

        @Override
        public void failed(Exception thrown) {
            called.countDown();
        }

        @Override
        public void cancelled() {
            called.countDown();
        }
    }

    private String apache5Async(Case call) throws Exception {
        APACHE5_ASYNC.start();
        SimpleRequestBuilder builder =
                SimpleRequestBuilder.create(call.method()).setUri(call.url());
        if (call.own() != null) {
            builder.addHeader("Traceparent", call.own());
        }
        if (call.body() != null) {
            builder.setBody(call.body(), ContentType.TEXT_PLAIN);
        }
        SimpleHttpRequest request = builder.build();
        request.setConfig(apache5Config(call));
        CallBack callBack = call.url().contains("secret") ? new CallBack() : null;
        Future<SimpleHttpResponse> future = APACHE5_ASYNC.execute(request, callBack);
        if (callBack != null) {
            callBack.called.await();
        }
        if (call.cancel()) {
            arrived.get("apache5Async").acquire();
            return future.cancel(true) + " " + future.isCancelled();
        }
        try {
            SimpleHttpResponse response = future.get();
            return response.getCode() + " " + response.getBodyText() + " " + request.getHeaders().length;
        } catch (ExecutionException failed) {
            return failed.getCause().getClass().getName();
        }
    }

    private static final OkHttpClient OK_HTTP = new OkHttpClient.Builder()
            .readTimeout(20, TimeUnit.SECONDS)
            .retryOnConnectionFailure(false)
            .build();

    private static Call okHttpCall(Case call) {
        okhttp3.Request.Builder builder = new okhttp3.Request.Builder()
                .url(call.url())
                .method(
                        call.method(),
                        call.body() == null ? null : RequestBody.create(MediaType.parse("text/plain"), call.body()));
        if (call.own() != null) {
            builder.header("Traceparent", call.own());
        }
        if (call.url().endsWith("rejected")) {
            ExecutorService ended = Executors.newSingleThreadExecutor();
            ended.shutdown();
            return OK_HTTP.newBuilder()
                    .dispatcher(new Dispatcher(ended))
                    .build()
                    .newCall(builder.build());
        }
        OkHttpClient client = call.url().endsWith("never") && !call.cancel()
                ? OK_HTTP.newBuilder()
                        .readTimeout(SHORT.toMillis(), TimeUnit.MILLISECONDS)
                        .build()
                : OK_HTTP;
        return client.newCall(builder.build());
    }

    private static String okHttp(Case call) throws Exception {
        Call made = okHttpCall(call);
        try (Response response = made.execute()) {
            return said(made, response);
        }
    }

    private static String said(Call call, Response response) throws IOException {
        return response.code() + " " + response.body().string() + " "
                + call.request().headers().names()
                + response.request().headers().names();
    }

    private String okHttpAsync(Case call) throws Exception {
        Call made = okHttpCall(call);
        CompletableFuture<String> came = new CompletableFuture<>();
        made.enqueue(new Callback() {
            @Override
            public void onFailure(Call failed, IOException e) {
                came.complete(e.getClass().getName());
            }

            @Override
            public void onResponse(Call answered, Response response) throws IOException {
                came.complete(said(made, response));
            }
        });
        if (call.cancel()) {
            arrived.get("okHttpAsync").acquire();
            made.cancel();
        }
        return came.get();
    }

    private static final java.util.logging.Logger JAVA_LOGGER = java.util.logging.Logger.getLogger("of.java");
    private static final java.util.logging.Logger BRIDGED = java.util.logging.Logger.getLogger("of.bridge");

    /** Each two errors, one with an exception, and what is no error or not written. */
    private void log(HttpExchange exchange) throws IOException {
        Exception thrown = new IllegalStateException("logged on purpose");
        switch (exchange.getRequestURI().getPath()) {
            case "/log/logback" -> {
                ch.qos.logback.classic.Logger logger =
                        (ch.qos.logback.classic.Logger) LoggerFactory.getLogger("of.logback");
                logger.error("one");
                logger.error("two", thrown);
                logger.warn("none");
                logger.setLevel(ch.qos.logback.classic.Level.OFF);
                logger.error("unwritten");
                logger.setLevel(null);
            }
            case "/log/log4j" -> {
                org.apache.logging.log4j.Logger logger = LogManager.getLogger("of.log4j");
                logger.error("one {}", "and all");
                logger.fatal("two", thrown);
                logger.warn("none");
                Configurator.setLevel("of.log4j", org.apache.logging.log4j.Level.OFF);
                logger.error("unwritten");
                Configurator.setLevel("of.log4j", org.apache.logging.log4j.Level.WARN);
            }
            case "/log/java" -> {
                JAVA_LOGGER.setUseParentHandlers(false);
                JAVA_LOGGER.severe("one");
                JAVA_LOGGER.log(Level.SEVERE, "two", thrown);
                JAVA_LOGGER.warning("none");
                JAVA_LOGGER.setLevel(Level.OFF);
                JAVA_LOGGER.severe("unwritten");
                JAVA_LOGGER.setLevel(null);
            }
            default -> {
                // Through SLF4J to Logback.
                BRIDGED.setUseParentHandlers(false);
                try {
                    BRIDGED.addHandler((java.util.logging.Handler) Class.forName("org.slf4j.bridge.SLF4JBridgeHandler")
                            .getDeclaredConstructor()
                            .newInstance());
                } catch (ReflectiveOperationException e) {
                    throw new IOException(e);
                }
                BRIDGED.severe("one");
                BRIDGED.log(Level.SEVERE, "two", thrown);
            }
        }
        answer(exchange, 200, "logged");
    }
}
