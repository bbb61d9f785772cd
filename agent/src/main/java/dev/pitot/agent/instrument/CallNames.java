package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** HTTP clients. Those of the JDK are loaded when a program makes a client or opens an http URL, not with the JVM. */
final class CallNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return switch (name) {
            case "jdk/internal/net/http/HttpClientImpl",
                    "jdk/internal/net/http/MultiExchange",
                    "jdk/internal/net/http/HttpRequestImpl" -> "JavaHttpClient";
            case "sun/net/www/protocol/http/HttpURLConnection",
                    "sun/net/www/protocol/https/AbstractDelegateHttpsURLConnection" -> "JavaUrlConnection";
            case "org/apache/http/impl/client/InternalHttpClient",
                    "org/apache/http/impl/client/MinimalHttpClient",
                    "org/apache/http/impl/client/AbstractHttpClient",
                    "org/apache/http/impl/execchain/ProtocolExec",
                    "org/apache/http/impl/execchain/MinimalClientExec" -> "ApacheHttpClient4";
            case "org/apache/hc/client5/http/impl/classic/InternalHttpClient",
                    "org/apache/hc/client5/http/impl/classic/MinimalHttpClient",
                    "org/apache/hc/client5/http/impl/classic/ProtocolExec" -> "ApacheHttpClient5";
            case "org/apache/hc/client5/http/impl/async/InternalAbstractHttpAsyncClient",
                    "org/apache/hc/client5/http/impl/async/AsyncProtocolExec",
                    // The callback, up to 5.2 and from 5.3 on.
                    "org/apache/hc/client5/http/impl/async/InternalAbstractHttpAsyncClient$1$3",
                    "org/apache/hc/client5/http/impl/async/InternalAbstractHttpAsyncClient$2" ->
                "ApacheHttpAsyncClient5";
            // The first of these packages is that of OkHttp 3.
            case "okhttp3/RealCall",
                    "okhttp3/internal/connection/RealCall",
                    "okhttp3/internal/connection/Transmitter",
                    "okhttp3/internal/http/RealInterceptorChain" -> "OkHttp";
            default -> null;
        };
    }

    @Override
    public boolean heralds(String name) {
        return name.startsWith("java/net/http/HttpClient")
                || name.startsWith("org/apache/http/impl/client/")
                || name.startsWith("org/apache/hc/client5/http/impl/")
                || name.startsWith("okhttp3/OkHttpClient");
    }
}
