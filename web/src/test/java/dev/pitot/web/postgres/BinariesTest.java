package dev.pitot.web.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BinariesTest {
    @Test
    void bothProcessorsHaveAnArchiveOnTheClassPath() {
        for (String arch : List.of("amd64", "aarch64")) {
            assertThat(Binaries.class.getClassLoader().getResource(Binaries.archiveFor("Linux", arch, true)))
                    .as(arch)
                    .isNotNull();
        }
    }

    @Test
    void otherPlatformsAreToldToBringTheirOwnDatabase() {
        assertThatThrownBy(() -> Binaries.archiveFor("Mac OS X", "aarch64", true))
                .isInstanceOf(PostgresException.class)
                .hasMessageContaining("Mac OS X")
                .hasMessageContaining("--db-url");
        assertThatThrownBy(() -> Binaries.archiveFor("Linux", "riscv64", true))
                .hasMessageContaining("riscv64")
                .hasMessageContaining("--db-url");
        assertThatThrownBy(() -> Binaries.archiveFor("Linux", "amd64", false))
                .hasMessageContaining("without glibc")
                .hasMessageContaining("--db-url");
    }

    @Test
    void binariesAreUnpackedOnceAndAgainWhenAPowerCutLeftAFileEmpty(@TempDir Path folder) throws Exception {
        List<String> steps = new ArrayList<>();
        Files.createDirectories(folder.resolve("bin.unpacking/left/by/a/crash"));
        Path home = Binaries.in(folder, steps::add);
        assertThat(steps).hasSize(1);
        assertThat(folder.resolve("bin.unpacking")).doesNotExist();
        ChildCommand version = ChildCommand.run(
                List.of(home.resolve("bin/postgres").toString(), "-V"),
                Map.of(),
                folder,
                Duration.ofSeconds(20),
                () -> {});
        assertThat(version.output()).endsWith(" " + Binaries.VERSION);

        FileTime first = Files.getLastModifiedTime(home.resolve("bin/initdb"));
        assertThat(Binaries.in(folder, steps::add)).isEqualTo(home);
        assertThat(Files.getLastModifiedTime(home.resolve("bin/initdb"))).isEqualTo(first);
        assertThat(steps).hasSize(1);

        Files.write(home.resolve("bin/initdb"), new byte[0]);
        Binaries.in(folder, steps::add);
        assertThat(home.resolve("bin/initdb")).isNotEmptyFile();
    }

    @Test
    void ofAChildThatPrintsWithoutEndOnlyTheEndIsKept() {
        ChildCommand chatty = ChildCommand.run(
                List.of("/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"),
                Map.of(),
                Path.of("/"),
                Duration.ofSeconds(60),
                () -> {});
        assertThat(chatty.exitCode()).isZero();
        assertThat(chatty.output()).hasSizeLessThanOrEqualTo(8192).endsWith("line 19999");
    }

    @Test
    void aChildThatDoesNotEndIsKilledAtTheLimit() {
        ChildCommand stuck = ChildCommand.run(
                List.of("/bin/sh", "-c", "echo $$; exec sleep 60"),
                Map.of(),
                Path.of("/"),
                Duration.ofSeconds(1),
                () -> {});
        assertThat(stuck.exitCode()).isEqualTo(ChildCommand.TIMED_OUT);
        long pid = Long.parseLong(stuck.output());
        await().atMost(Duration.ofSeconds(10)).until(() -> ProcessHandle.of(pid).isEmpty());
    }
}
