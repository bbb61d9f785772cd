package dev.pitot.agent.recording;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigException;
import dev.pitot.agent.config.ConfigSources;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Repositories of dead JVMs as the test makes them; a real one is killed in {@code ShippingIT}. */
class LeftoversTest {
    private static final String ARGUMENTS = "service=orders,collector=http://127.0.0.1:1,token=t1";

    @TempDir
    Path parent;

    private Path repository;
    private AgentConfig config;

    @BeforeEach
    void live() throws IOException, ConfigException {
        repository = Files.createDirectory(parent.resolve("live"));
        config = config(ARGUMENTS);
    }

    private static AgentConfig config(String arguments) throws ConfigException {
        return ConfigSources.read(arguments, new Properties(), Map.of());
    }

    /** A folder marked by a JVM that is gone, with so many chunks of 1000 bytes. */
    private Path dead(String name, String arguments, int chunks) throws IOException, ConfigException {
        Path folder = Files.createDirectory(parent.resolve(name));
        AgentConfig theirs = config(arguments);
        JvmIdentity jvm = new JvmIdentity(
                UUID.randomUUID(), theirs.service(), Map.of(), "host", -1, 0, "", "", false, parent, "1");
        Marker marker = new Marker(theirs, jvm, 1);
        marker.moveTo(folder);
        // Copied, as the dead's is: without the lock.
        byte[] text = Files.readAllBytes(folder.resolve(Marker.NAME));
        marker.remove();
        Files.write(folder.resolve(Marker.NAME), text);
        for (int i = 1; i <= chunks; i++) {
            ByteBuffer bytes = ByteBuffer.allocate(1000);
            bytes.putInt(0, 0x464c5200).putShort(4, (short) 2).putShort(6, (short) 1);
            bytes.putLong(8, 1000)
                    .putLong(16, 100)
                    .putLong(24, 80)
                    .putLong(32, i)
                    .putLong(48, 7);
            bytes.put(64, (byte) 255);
            Files.write(folder.resolve(i + ".jfr"), bytes.array());
        }
        return folder;
    }

    private static void age(Path file, Duration age) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(age)));
    }

    @Test
    void oursIsFoundAmongManyOfOthers() throws Exception {
        Path ours = dead("ours", ARGUMENTS, 1);
        age(ours.resolve(Marker.NAME), Duration.ofHours(2));
        age(ours.resolve("1.jfr"), Duration.ofHours(2));
        for (int i = 0; i < 12; i++) {
            dead("theirs" + i, "service=another", 1);
        }
        try (Leftovers found = Leftovers.next(repository, config, Set.of())) {
            assertThat(found).isNotNull();
            assertThat(found.folder()).isEqualTo(ours);
            assertThat(Leftovers.next(repository, config, Set.of()))
                    .as("locked")
                    .isNull();
        }
        assertThat(Leftovers.next(repository, config, Set.of(ours))).isNull();
    }

    @Test
    void itsAgeIsThatOfTheNewestChunkAndWhatIsTooOldIsDeletedWhosesoeverItWas() throws Exception {
        Path longRunning = dead("long-running", ARGUMENTS, 1);
        age(longRunning.resolve(Marker.NAME), Duration.ofDays(3));
        Path stale = dead("stale", "service=another", 2);
        Path unmarked = Files.createDirectory(parent.resolve("unmarked"));
        Files.write(unmarked.resolve("1.jfr"), new byte[10]);
        for (Path file : new Path[] {
            stale.resolve("1.jfr"), stale.resolve("2.jfr"), stale.resolve(Marker.NAME), unmarked.resolve("1.jfr")
        }) {
            age(file, Duration.ofDays(2));
        }
        try (Leftovers found = Leftovers.next(repository, config, Set.of())) {
            assertThat(found).isNotNull();
            assertThat(found.folder()).isEqualTo(longRunning);
        }
        assertThat(Leftovers.next(repository, config, Set.of(longRunning))).isNull();
        assertThat(stale).doesNotExist();
        assertThat(unmarked.resolve("1.jfr")).exists();
    }

    @Test
    void whatWasRecordedForAnotherCollectorOrTokenIsLeftAlone() throws Exception {
        Path folder = dead("dead", ARGUMENTS, 1);
        for (String other : new String[] {
            "service=orders,collector=http://127.0.0.1:2,token=t1",
            "service=orders,collector=https://127.0.0.1:1,token=t1",
            "service=orders,collector=http://127.0.0.1:1,token=t2",
            "service=orders,collector=http://127.0.0.1:1,token-file=/t1",
            "service=orders,collector=http://127.0.0.1:1"
        }) {
            assertThat(Leftovers.next(repository, config(other), Set.of()))
                    .as(other)
                    .isNull();
        }
        assertThat(Files.readString(folder.resolve(Marker.NAME))).doesNotContain("t1");
        assertThat(folder.resolve("1.jfr")).exists();
    }

    @Test
    void whatIsDurableDoesNotCountAndWhatIsGivenUpIsDeletedToo() throws Exception {
        Path folder = dead("dead", ARGUMENTS, 4);
        try (Leftovers found = Leftovers.next(repository, config, Set.of())) {
            Backlog backlog = found.backlog();
            assertThat(backlog.have()).isEqualTo("1.7:1000:final,2.7:1000:final,3.7:1000:final,4.7:1000:final");
            backlog.durable("1.7", 1000);
            backlog.durable("2.7", 400);
            found.keepNewest(2600);
            assertThat(backlog.lost()).isEmpty();
            found.keepNewest(2000);
            assertThat(backlog.lost()).isEqualTo("2.7:400:1000");
            Chunk next = backlog.next();
            assertThat(next.name()).isEqualTo("3.7");
            next.read(ByteBuffer.allocate(1000), 0);
            found.delete();
        }
        assertThat(folder).doesNotExist();
    }

    @Test
    void noMoreChunksAreListedThanTheCollectorTakes() throws Exception {
        dead("dead", ARGUMENTS, 700);
        try (Leftovers found = Leftovers.next(repository, config, Set.of())) {
            assertThat(found.backlog().have().split(",")).hasSize(600).contains("700.7:1000:final");
            assertThat(found.backlog().lost()).startsWith("1.7:0:1000,2.7:0:1000");
        }
    }
}
