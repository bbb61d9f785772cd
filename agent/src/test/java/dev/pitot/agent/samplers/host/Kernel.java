package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** Folders with what a kernel shows in /proc, /sys and /sys/fs/cgroup, to be written to between readings. */
final class Kernel {
    private static final Path SAVED = Path.of("src/test/resources/host");

    private final Path root;
    final Text text = new Text();

    /** One that shows nothing. */
    Kernel(Path root) {
        this.root = root;
    }

    /** One that shows what a real one did. */
    static Kernel saved(String name, Path root) throws IOException {
        Kernel kernel = new Kernel(root);
        Path from = SAVED.resolve(name);
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                kernel.put(from.relativize(file).toString(), Files.readString(file));
            }
        }
        return kernel;
    }

    HostRoots roots() {
        return new HostRoots(root + "/proc", root + "/sys", root + "/cgroup");
    }

    Kernel put(String path, String content) {
        try {
            Path file = root.resolve(path);
            Files.createDirectories(file.getParent());
            Files.writeString(file, content);
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Kernel folder(String path) {
        try {
            Files.createDirectories(root.resolve(path));
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Changes a part of a file that must be there once. */
    Kernel change(String path, String from, String to) {
        try {
            String content = Files.readString(root.resolve(path));
            assertThat(content).containsOnlyOnce(from);
            return put(path, content.replace(from, to));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Kernel remove(String path) {
        try {
            Files.delete(root.resolve(path));
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The Pitot events of what runs, as a recording has them. */
    static List<RecordedEvent> events(Path folder, Runnable work) throws IOException {
        Path file = Files.createTempFile(folder, "events", ".jfr");
        try (Recording recording = new Recording()) {
            recording.start();
            work.run();
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        return events.stream()
                .filter(event -> event.getEventType().getName().startsWith("pitot."))
                .sorted(java.util.Comparator.comparing(RecordedEvent::getStartTime))
                .toList();
    }

    /** What a metric reports of a second, the kernel's files changed meanwhile. */
    List<RecordedEvent> second(HostMetric metric, Runnable change) throws IOException {
        metric.sample();
        change.run();
        return events(root, metric::sample);
    }

    static List<RecordedEvent> of(List<RecordedEvent> events, String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals("pitot." + type))
                .toList();
    }

    static RecordedEvent only(List<RecordedEvent> events, String type) {
        assertThat(of(events, type)).hasSize(1);
        return of(events, type).get(0);
    }
}
