package dev.pitot.web.flight;

import java.io.File;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The JDKs that the tests run the agent on: one of each feature version from 17 on that this machine has. */
final class Jdks {
    record Jdk(Path home, int feature) {
        Path tool(String name) {
            return home.resolve("bin").resolve(name);
        }

        @Override
        public String toString() {
            return "JDK " + feature;
        }
    }

    private Jdks() {}

    /** From {@code PITOT_TEST_JDKS} (a path list) if set, else the JDK of this test and the usual folders. */
    static Collection<Jdk> all() {
        String named = System.getenv("PITOT_TEST_JDKS");
        TreeMap<Integer, Jdk> byFeature = new TreeMap<>();
        Stream<Path> homes = named != null
                ? Stream.of(named.split(File.pathSeparator)).map(Path::of)
                : Stream.concat(
                        Stream.of(Path.of(System.getProperty("java.home"))),
                        Stream.of("/usr/lib/jvm", "/opt/java", "/Library/Java/JavaVirtualMachines")
                                .flatMap(Jdks::folders));
        homes.forEach(home -> {
            int feature = feature(home);
            if (feature >= 17) {
                byFeature.putIfAbsent(feature, new Jdk(home, feature));
            }
        });
        if (byFeature.isEmpty()) {
            throw new IllegalStateException("No JDK of 17 or newer found; name one in PITOT_TEST_JDKS");
        }
        return List.copyOf(byFeature.values());
    }

    private static Stream<Path> folders(String parent) {
        try (Stream<Path> children = Files.list(Path.of(parent))) {
            return children.sorted().toList().stream();
        } catch (IOException absent) {
            return Stream.empty();
        }
    }

    private static int feature(Path home) {
        Path release = home.resolve("release");
        if (!Files.isExecutable(home.resolve("bin/java")) || !Files.isExecutable(home.resolve("bin/jcmd"))) {
            return -1;
        }
        try {
            Properties properties = new Properties();
            properties.load(new StringReader(Files.readString(release)));
            String version = properties.getProperty("JAVA_VERSION", "").replace("\"", "");
            return version.isEmpty() ? -1 : Runtime.Version.parse(version).feature();
        } catch (IOException | IllegalArgumentException unreadable) {
            return -1;
        }
    }
}
