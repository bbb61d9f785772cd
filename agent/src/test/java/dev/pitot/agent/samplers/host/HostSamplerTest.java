package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.AgentConfig.Cores;
import dev.pitot.agent.status.StatusBoard;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class HostSamplerTest {
    @TempDir
    Path folder;

    private List<RecordedEvent> seconds(HostRoots roots, int seconds) throws IOException {
        StatusBoard status = new StatusBoard();
        return Kernel.events(folder, () -> {
            status.recordingStarted();
            HostSampler sampler = new HostSampler(roots, Cores.AUTO, status);
            for (int second = 0; second < seconds; second++) {
                sampler.sample(1_000_000_000);
            }
        });
    }

    @Test
    void whereNothingCanBeReadThereIsOneWordOfItAndNoEvent() throws Exception {
        List<RecordedEvent> events = seconds(new Kernel(folder).roots(), 70);
        RecordedEvent status = Kernel.only(events, "AgentStatus");
        assertThat(status.getString("part")).isEqualTo("host");
        assertThat(status.getString("state")).isEqualTo("partial");
        assertThat(status.getString("reason")).contains("there is no " + folder + "/proc here");
        assertThat(status.getString("remedy")).contains("host=false");
        assertThat(events).hasSize(1);
    }

    @Test
    void whatIsMissingSpoilsNothingElse() throws Exception {
        Kernel kernel = new Kernel(folder).put("proc/loadavg", "1 2 3 1/2 3\n").put("proc/meminfo", "MemTotal: 5 kB\n");
        List<RecordedEvent> events = seconds(kernel.roots(), 2);
        assertThat(Kernel.of(events, "HostMemory")).hasSize(3);
        assertThat(Kernel.only(events, "AgentStatus").getString("state")).isEqualTo("on");
        assertThat(events).hasSize(4);
    }

    @Test
    void filesThatAreEmptyGarbageOrCutAreNoError() throws Exception {
        Kernel whole = Kernel.saved("linux-6.18-hybrid", folder);
        List<Path> files;
        try (Stream<Path> all = Files.walk(folder)) {
            files = all.filter(Files::isRegularFile)
                    .filter(file -> !file.toString().endsWith(".jfr"))
                    .toList();
        }
        for (String shape : List.of("cut", "binary", "words", "numbers", "lines")) {
            for (Path file : files) {
                String text = Files.readString(file, StandardCharsets.ISO_8859_1);
                Files.writeString(
                        file,
                        switch (shape) {
                            case "cut" -> text.substring(0, text.length() * 2 / 3);
                            case "binary" -> "\0\u00ff\u0080".repeat(3_000);
                            case "words" -> "cpu cpu99999999999999999999 : some full avg10= 7 -";
                            case "numbers" ->
                                "cpu99999999999999999999 1\ncpu-1 2\ncpu4294967297 1\n27 1 254:0\n0::\n1:\n0:cpu:\n";
                            default -> "\n\n:\n \n\t\n".repeat(50);
                        },
                        StandardCharsets.ISO_8859_1);
            }
            List<RecordedEvent> events = seconds(whole.roots(), 12);
            assertThat(Kernel.of(events, "AgentStatus")).as(shape).allSatisfy(e -> assertThat(e.getString("reason"))
                    .doesNotContain("failed"));
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aProcessThatMayOpenFewFilesHasNoneOfThemHeld() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder)
                .put("proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  4096  files\n");
        // Both live to the end: the files of one that is collected would be closed while those of the other are
        // counted.
        List<HostSampler> samplers = new ArrayList<>();
        assertThat(held(kernel, samplers)).isPositive();
        kernel.change("proc/self/limits", "1024", "1023");
        assertThat(held(kernel, samplers)).isZero();
        Reference.reachabilityFence(samplers);
    }

    /** How many files a sampler keeps open. */
    private long held(Kernel kernel, List<HostSampler> samplers) throws IOException {
        long before = openBelow(folder);
        HostSampler sampler = new HostSampler(kernel.roots(), Cores.AUTO, new StatusBoard());
        samplers.add(sampler);
        List<RecordedEvent> events = Kernel.events(folder, () -> sampler.sample(1));
        long held = openBelow(folder) - before;
        assertThat(Kernel.of(events, "HostMemory")).hasSize(1);
        return held;
    }

    private static long openBelow(Path folder) throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(descriptor -> {
                        try {
                            return Files.readSymbolicLink(descriptor).startsWith(folder);
                        } catch (IOException closedMeanwhile) {
                            return false;
                        }
                    })
                    .count();
        }
    }

    /** The same figures by other readers: streams over /proc, and df. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void onThisMachineTheFiguresAreThoseOfOtherReaders() throws Exception {
        StatusBoard status = new StatusBoard();
        Map<String, Long> before = vmstat();
        List<RecordedEvent> events = Kernel.events(folder, () -> {
            HostSampler sampler = new HostSampler(HostRoots.OF_THE_KERNEL, Cores.AUTO, status);
            sampler.sample(1);
        });
        Map<String, Long> after = vmstat();

        RecordedEvent paging = Kernel.only(events, "HostPaging");
        assertThat(paging.getDouble("faults")).isBetween(0.0, (double) after.get("pgfault") - before.get("pgfault"));

        long cpus = Files.readAllLines(Path.of("/proc/stat")).stream()
                .filter(line -> line.matches("cpu\\d+ .*"))
                .count();
        RecordedEvent cpu = Kernel.only(events, "HostCpu");
        assertThat(cpu.getDouble("cpus")).isEqualTo(cpus);

        String total = Files.readAllLines(Path.of("/proc/meminfo")).get(0);
        assertThat(Kernel.of(events, "HostMemory")).isNotEmpty().allSatisfy(e -> assertThat(e.getLong("total"))
                .isEqualTo(Long.parseLong(total.replaceAll("\\D", "")) * 1024));

        for (RecordedEvent fileSystem : Kernel.of(events, "HostFileSystem")) {
            Process df =
                    new ProcessBuilder("df", "-B1", "--output=size,used,target", fileSystem.getString("mount")).start();
            String[] line = new String(df.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList()
                    .get(1)
                    .strip()
                    .split("\\s+", 3);
            assertThat(line[2]).isEqualTo(fileSystem.getString("mount"));
            assertThat(fileSystem.getLong("total")).isEqualTo(Long.parseLong(line[0]));
            // Others write meanwhile.
            assertThat(Math.abs(fileSystem.getLong("used") - Long.parseLong(line[1])))
                    .isLessThan(1L << 30);
        }
    }

    private static Map<String, Long> vmstat() throws IOException {
        return Files.readAllLines(Path.of("/proc/vmstat")).stream()
                .map(line -> line.split(" "))
                .collect(Collectors.toMap(pair -> pair[0], pair -> Long.parseLong(pair[1])));
    }
}
