package dev.pitot.agent.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A small arm64 Linux with a PMU, emulated by QEMU, that runs one shell script and gives back what it left. With an instruction
 * counter for a clock the counts of its PMU are exact and the same each time; only cycles and instructions carry data. The
 * image is built once in a folder of its own by {@code image.sh}, from Debian's packages. One thread at a time.
 */
final class PmuGuest {
    /** What a script left: its exit code, what it printed, and the folder with all files that it put into {@code $ANSWER}. */
    record Answer(int exit, String out, String err, Path folder) {}

    /** A file or folder for the guest, under its name. */
    record Part(Path folder, String name) {}

    private static final List<String> PROGRAMS =
            List.of("qemu-system-aarch64", "cpio", "mke2fs", "dpkg", "apt-get", "apt-cache", "gzip", "tar");
    private static final int DISK = 4096;

    private final Path image;

    private PmuGuest(Path image) {
        this.image = image;
    }

    /**
     * Builds the image in {@code <folder>/image}, unless it is there.
     *
     * @throws IOException saying what is missing on this machine, or what went wrong
     */
    static PmuGuest in(Path folder) throws IOException, InterruptedException {
        List<String> missing =
                PROGRAMS.stream().filter(name -> !isInstalled(name)).toList();
        if (!missing.isEmpty()) {
            throw new IOException("The guest needs " + String.join(", ", missing)
                    + "; on Debian: apt-get install --no-install-recommends qemu-system-arm cpio e2fsprogs dpkg apt");
        }
        Path image = folder.toAbsolutePath().resolve("image");
        if (!Files.exists(image)) {
            // Built beside and renamed when whole, so that a build that was cut short is no image.
            Path building = Files.createDirectories(image.getParent()).resolve("building");
            remove(building);
            Files.createDirectory(building);
            List<String> scripts = List.of("image.sh", "initrd-init", "init");
            for (String script : scripts) {
                copyResource(script, building.resolve(script));
            }
            Path log = image.resolveSibling("building.log");
            int exit = run(List.of("sh", "image.sh"), building, log, 600);
            if (exit != 0) {
                throw new IOException("The image of the guest could not be built: " + Files.readString(log));
            }
            Files.move(building, image);
        }
        return new PmuGuest(image);
    }

    /**
     * Boots, runs a script of the guest's shell as root in a folder that holds copies of the parts, and shuts down.
     *
     * @param work an empty folder for the disks and the answer
     */
    Answer run(Path work, List<Part> parts, String script) throws IOException, InterruptedException {
        Files.writeString(work.resolve(".job"), script);
        Path in = work.resolve("in.tar");
        Path out = work.resolve("out.tar");
        Path console = work.resolve("console");
        List<String> pack = new ArrayList<>(List.of("tar", "cf", in.toString(), "-C", work.toString(), ".job"));
        for (Part part : parts) {
            pack.addAll(List.of("-C", part.folder().toAbsolutePath().toString(), part.name()));
        }
        if (run(pack, work, console, 60) != 0) {
            throw new IOException("The files for the guest could not be packed: " + Files.readString(console));
        }
        size(in, (Files.size(in) + DISK - 1) / DISK * DISK);
        size(out, 256L << 20);
        int exit = run(command(in, out), work, console, 900);
        Path answer = Files.createDirectory(work.resolve("answer"));
        run(List.of("tar", "xf", out.toString(), "-C", answer.toString()), work, work.resolve("tar.log"), 60);
        if (exit != 0 || !Files.exists(answer.resolve("exit"))) {
            throw new IOException("The guest ended with " + exit + " and no answer: " + Files.readString(console));
        }
        return new Answer(
                Integer.parseInt(Files.readString(answer.resolve("exit")).strip()),
                Files.readString(answer.resolve("stdout")),
                Files.readString(answer.resolve("stderr")),
                answer);
    }

    private List<String> command(Path in, Path out) {
        List<String> command = new ArrayList<>(List.of("qemu-system-aarch64"));
        command.addAll(List.of("-machine", "virt", "-cpu", "neoverse-n1", "-smp", "1", "-m", "2G"));
        // One instruction takes 2^1 ns of the guest's time.
        command.addAll(List.of("-icount", "shift=1"));
        command.addAll(List.of("-nic", "none", "-nodefaults", "-no-user-config", "-no-reboot"));
        command.addAll(List.of("-display", "none", "-serial", "stdio", "-monitor", "none"));
        command.addAll(List.of("-kernel", image.resolve("vmlinuz").toString()));
        command.addAll(List.of("-initrd", image.resolve("initrd.gz").toString()));
        command.add("-append");
        command.add("console=ttyAMA0 quiet panic=-1 mitigations=off nokaslr audit=0 random.trust_cpu=on");
        disk(command, "d0", "file=" + image.resolve("root.img") + ",readonly=on");
        disk(command, "d1", "file=" + in + ",readonly=on");
        disk(command, "d2", "file=" + out + ",cache=unsafe");
        return command;
    }

    private static void disk(List<String> command, String id, String options) {
        command.addAll(List.of("-drive", options + ",format=raw,if=none,id=" + id));
        command.addAll(List.of("-device", "virtio-blk-pci,drive=" + id));
    }

    private static void size(Path file, long bytes) throws IOException {
        try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
            disk.setLength(bytes);
        }
    }

    /** @return the exit code; output and errors go to the log */
    private static int run(List<String> command, Path folder, Path log, int seconds)
            throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        process.getOutputStream().close();
        try {
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
                throw new IOException(
                        command.get(0) + " did not end within " + seconds + " s: " + Files.readString(log));
            }
            return process.exitValue();
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private static boolean isInstalled(String program) {
        return Stream.of((System.getenv("PATH") + ":/usr/sbin:/sbin").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    private static void copyResource(String name, Path to) throws IOException {
        try (InputStream in = PmuGuest.class.getResourceAsStream(name)) {
            Files.copy(Objects.requireNonNull(in, name), to);
        }
    }

    private static void remove(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(folder)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
