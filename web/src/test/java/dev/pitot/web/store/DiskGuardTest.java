package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.SQLException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class DiskGuardTest {
    private final long[] free = {10_000};
    private final long[] nanos = {Long.MAX_VALUE - 5};
    private final DiskGuard disk = new DiskGuard(() -> free[0], 1000, () -> nanos[0]);

    private DiskGuard.Room at(long bytes) {
        free[0] = bytes;
        disk.look();
        return disk.room();
    }

    @Test
    void lessIsStoredAsTheDiskFillsAndAllAgainSomewhatAboveTheMarks() {
        assertThat(at(1000)).isEqualTo(DiskGuard.Room.ENOUGH);
        assertThat(disk.sentence()).isNull();
        assertThat(at(999)).isEqualTo(DiskGuard.Room.LOW);
        assertThat(disk.takesDetail()).isFalse();
        assertThat(disk.takesPosts()).isTrue();
        assertThat(disk.sentence()).contains("single events").endsWith("shorten the retention.");
        assertThat(at(1050)).as("not on and off at the mark").isEqualTo(DiskGuard.Room.LOW);
        assertThat(at(499)).isEqualTo(DiskGuard.Room.FULL);
        assertThat(disk.takesPosts()).isFalse();
        assertThat(disk.sentence()).contains("nothing is stored");
        assertThat(at(550)).isEqualTo(DiskGuard.Room.FULL);
        assertThat(at(600)).isEqualTo(DiskGuard.Room.LOW);
        assertThat(at(1100)).isEqualTo(DiskGuard.Room.ENOUGH);
    }

    @Test
    void theWordOfPostgresCountsWhateverTheDiskSays() {
        DiskGuard elsewhere = new DiskGuard(null, 0, () -> nanos[0]);
        elsewhere.look();
        elsewhere.failed(new ExecutionException(new SQLException("away", "08006")));
        assertThat(elsewhere.takesDetail()).isTrue();
        elsewhere.failed(new ExecutionException(new SQLException("could not extend file", "53100")));
        assertThat(elsewhere.takesPosts()).isFalse();
        nanos[0] += TimeUnit.SECONDS.toNanos(29);
        elsewhere.look();
        assertThat(elsewhere.takesPosts()).isFalse();
        nanos[0] += TimeUnit.SECONDS.toNanos(2);
        elsewhere.look();
        assertThat(elsewhere.room()).isEqualTo(DiskGuard.Room.LOW);
        assertThat(elsewhere.sentence()).contains("PostgreSQL says");
        nanos[0] += TimeUnit.MINUTES.toNanos(5);
        elsewhere.look();
        assertThat(elsewhere.room()).isEqualTo(DiskGuard.Room.ENOUGH);
    }

    @Test
    void whatWasLeftOutIsCountedUntilThereIsRoom() {
        at(700);
        disk.leftOut(3, 1);
        disk.leftOut(2, 0);
        assertThat(disk.takeGap(false)).isNull();
        assertThat(disk.gap()).satisfies(gap -> {
            assertThat(gap.events()).isEqualTo(5);
            assertThat(gap.blocks()).isEqualTo(1);
            assertThat(gap.to()).isEqualTo(-1);
        });
        at(5000);
        DiskGuard.Gap over = disk.takeGap(false);
        assertThat(over).isNotNull();
        assertThat(over.events()).isEqualTo(5);
        assertThat(over.to()).isGreaterThanOrEqualTo(over.from());
        assertThat(disk.takeGap(false)).as("told once").isNull();
        disk.putBack(over);
        assertThat(disk.takeGap(false))
                .as("told again when it could not be written")
                .isNotNull();
    }
}
