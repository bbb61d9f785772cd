package dev.pitot.web.api;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The files of the page, read from the class path once at the start: each known path is a route, all others are not. */
final class Assets {
    private static final String VIEW = "view";
    private static final String UPLOT = "META-INF/resources/webjars/uplot";
    private static final Map<String, String> TYPES = Map.ofEntries(
            Map.entry("html", "text/html; charset=utf-8"),
            Map.entry("js", "text/javascript; charset=utf-8"),
            Map.entry("mjs", "text/javascript; charset=utf-8"),
            Map.entry("css", "text/css; charset=utf-8"),
            Map.entry("svg", "image/svg+xml"),
            Map.entry("png", "image/png"),
            Map.entry("ico", "image/x-icon"),
            Map.entry("json", "application/json"),
            Map.entry("webmanifest", "application/manifest+json"),
            Map.entry("txt", "text/plain; charset=utf-8"),
            Map.entry("woff2", "font/woff2"));

    /** @param etag changes with the bytes */
    record Asset(byte[] bytes, String type, String etag) {}

    private final TreeMap<String, Asset> byPath = new TreeMap<>();

    /** Reads all; a class path without the page (a build of parts) gives none. */
    Assets() throws IOException {
        read(VIEW, "/", "");
        // Below is a folder named after the library's version; the page's address of it must not change with that.
        read(UPLOT, "/lib/uplot/", "[^/]+/dist/");
        Asset index = byPath.get("/index.html");
        if (index != null) {
            byPath.put("/", index);
        }
    }

    /** Paths, each beginning with a slash, and what is there. */
    Map<String, Asset> byPath() {
        return byPath;
    }

    @Nullable
    Asset at(String path) {
        return byPath.get(path);
    }

    /** @param below regular expression of what leads every name that is taken, and is left out of its path */
    private void read(String folder, String base, String below) throws IOException {
        URL url = Assets.class.getClassLoader().getResource(folder);
        if (url == null) {
            return;
        }
        URI uri;
        try {
            uri = url.toURI();
        } catch (URISyntaxException e) {
            throw new IOException("the class path holds an address that is none: " + url, e);
        }
        if (uri.getScheme().equals("jar")) {
            try (FileSystem jar = FileSystems.newFileSystem(uri, Map.of())) {
                walk(jar.getPath(folder), base, below);
            }
        } else {
            walk(Path.of(uri), base, below);
        }
    }

    private void walk(Path root, String base, String below) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(root)) {
            files = all.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            String name = root.relativize(file).toString().replace('\\', '/');
            String path = name.replaceFirst("^" + below, "");
            String type = TYPES.get(path.substring(path.lastIndexOf('.') + 1));
            if (type != null && (below.isEmpty() || path.length() < name.length())) {
                try (InputStream in = Files.newInputStream(file)) {
                    byte[] bytes = in.readAllBytes();
                    byPath.put(base + path, new Asset(bytes, type, etag(bytes)));
                }
            }
        }
    }

    private static String etag(byte[] bytes) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
            return '"' + HexFormat.of().formatHex(hash, 0, 12) + '"';
        } catch (NoSuchAlgorithmException impossible) {
            // Every Java platform has SHA-256 by its specification.
            throw new IllegalStateException(impossible);
        }
    }
}
