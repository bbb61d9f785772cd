package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcFileTest {
    @TempDir
    Path folder;

    @Test
    void oneThatIsNotThereRestsByTimeAndNotByReadings() {
        Kernel kernel = new Kernel(folder);
        ProcFile rare = new ProcFile(folder + "/file", 0);
        ProcFile resting = new ProcFile(folder + "/file", Long.MAX_VALUE);
        assertThat(rare.number(kernel.text)).isEqualTo(Long.MIN_VALUE);
        assertThat(resting.number(kernel.text)).isEqualTo(Long.MIN_VALUE);
        kernel.put("file", "7\n");
        assertThat(rare.number(kernel.text)).isEqualTo(7);
        for (int reading = 0; reading < 100; reading++) {
            assertThat(resting.read(kernel.text)).isFalse();
        }
    }
}
