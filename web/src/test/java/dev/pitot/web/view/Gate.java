package dev.pitot.web.view;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A proxy before a collector that does on command what collectors and networks do: be gone, fail, fall silent, end a session.
 * Sessions hold here too, as cookies do not tell ports apart. All methods may be called from any thread.
 */
final class Gate implements AutoCloseable {
    private final URI collector;
    private final ServerSocket server;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final List<Socket> webSockets = new CopyOnWriteArrayList<>();
    private final Map<String, String> answers = new ConcurrentHashMap<>();
    private volatile boolean shut;
    private volatile boolean silent;

    /** @param collector {@code http://host:port} */
    Gate(String collector) throws IOException {
        this.collector = URI.create(collector);
        server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        start(() -> {
            while (true) {
                Socket client = server.accept();
                start(() -> serve(client));
            }
        });
    }

    /** {@code http://host:port}. */
    String address() {
        return "http://127.0.0.1:" + server.getLocalPort();
    }

    /** Nothing answers any more, and what is connected is cut off. */
    void shut() {
        shut = true;
        sever();
    }

    /** Cuts off what is connected; new connections are served. */
    void sever() {
        open.forEach(Gate::cut);
    }

    /** Requests with this in their first line get a failure in place of the collector's answer. */
    void answer(String part, int status, String sentence) {
        String body = "{\"error\": \"" + sentence + "\"}";
        answers.put(
                part,
                "HTTP/1.1 " + status + " Told So\r\nContent-Type: application/json\r\nContent-Length: " + body.length()
                        + "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" + body);
    }

    /** Messages of the WebSocket are dropped, while it stays open. */
    void fallSilent() {
        silent = true;
    }

    /** Closes the WebSockets as the collector does when their session ends. */
    void endSession(String reason) throws IOException {
        byte[] text = reason.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        frame.writeBytes(new byte[] {(byte) 0x88, (byte) (2 + text.length), 4401 >> 8, 4401 & 0xff});
        frame.writeBytes(text);
        for (Socket client : webSockets) {
            synchronized (client) {
                // The collector's own goodbye must not follow this one.
                webSockets.remove(client);
                client.getOutputStream().write(frame.toByteArray());
            }
        }
    }

    /** From now on all is as if the gate were not there. */
    void behave() {
        answers.clear();
        silent = false;
        shut = false;
    }

    private void serve(Socket client) throws IOException {
        try (client) {
            open.add(client);
            InputStream in = client.getInputStream();
            String head = head(in);
            if (shut || head.isEmpty()) {
                return;
            }
            String line = head.substring(0, head.indexOf("\r\n"));
            for (Map.Entry<String, String> answer : answers.entrySet()) {
                if (line.contains(answer.getKey())) {
                    client.getOutputStream().write(answer.getValue().getBytes(StandardCharsets.UTF_8));
                    return;
                }
            }
            boolean webSocket = head.toLowerCase().contains("\r\nupgrade: websocket");
            // One request a connection, and frames that are not compressed: so each can be told apart.
            head = head.replaceAll("(?im)^Sec-WebSocket-Extensions:.*\r\n", "");
            head = webSocket ? head : head.replaceAll("(?im)^Connection:.*\r\n", "Connection: close\r\n");
            try (Socket behind = new Socket(collector.getHost(), collector.getPort())) {
                open.add(behind);
                behind.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
                start(() -> in.transferTo(behind.getOutputStream()));
                if (webSocket) {
                    frames(behind.getInputStream(), client);
                } else {
                    behind.getInputStream().transferTo(client.getOutputStream());
                }
                open.remove(behind);
            }
        } finally {
            webSockets.remove(client);
            open.remove(client);
        }
    }

    private static String head(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.length() < 4 || head.lastIndexOf("\r\n\r\n") != head.length() - 4) {
            int next = in.read();
            if (next < 0) {
                return "";
            }
            head.append((char) next);
        }
        return head.toString();
    }

    /** RFC 6455, section 5.2: frames of a server have no mask. */
    private void frames(InputStream from, Socket client) throws IOException {
        OutputStream to = client.getOutputStream();
        to.write(head(from).getBytes(StandardCharsets.ISO_8859_1));
        webSockets.add(client);
        DataInputStream in = new DataInputStream(from);
        while (true) {
            ByteArrayOutputStream frame = new ByteArrayOutputStream();
            byte[] start = in.readNBytes(2);
            if (start.length < 2) {
                return;
            }
            frame.writeBytes(start);
            long length = start[1] & 0x7f;
            if (length >= 126) {
                byte[] longer = in.readNBytes(length == 126 ? 2 : 8);
                frame.writeBytes(longer);
                length = 0;
                for (byte b : longer) {
                    length = length << 8 | (b & 0xff);
                }
            }
            frame.writeBytes(in.readNBytes((int) length));
            synchronized (client) {
                if (!silent && webSockets.contains(client)) {
                    to.write(frame.toByteArray());
                }
            }
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void start(Work work) {
        Thread thread = new Thread(
                () -> {
                    try {
                        work.run();
                    } catch (IOException cutOff) {
                        // One of both sides went away, which is what this class is for.
                    }
                },
                "gate");
        thread.setDaemon(true);
        thread.start();
    }

    private static void cut(Socket socket) {
        try {
            socket.close();
        } catch (IOException gone) {
            // It is cut off all the same.
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        shut();
    }
}
