package dev.pitot.agent.samplers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.status.StatusBoard.Entry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VirtualThreadCostsTest {
    @ParameterizedTest
    @ValueSource(ints = {21, 24, 26})
    void aJdkWhoseSchedulerWasNotTriedSaysSo(int jdk) {
        assertThat(VirtualThreadCosts.whyNot(jdk, true))
                .isEqualTo(Entry.partial(
                        "It is not known what spans on virtual threads cost: they are measured on JDK 25 alone, and this is "
                                + jdk,
                        "Run on JDK 25"));
    }

    @Test
    void theyAreMeasuredOn25UnlessTasksAreNotFollowed() {
        assertThat(VirtualThreadCosts.whyNot(25, true)).isNull();
        assertThat(VirtualThreadCosts.whyNot(25, false).remedy()).isEqualTo("Set follow=true");
    }
}
