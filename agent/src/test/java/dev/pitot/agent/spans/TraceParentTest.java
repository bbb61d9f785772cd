package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TraceParentTest {
    private static final String IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    @ParameterizedTest
    @ValueSource(strings = {"00-" + IDS, "01-" + IDS, "01-" + IDS + "-", "cc-" + IDS + "-what=comes,later"})
    void whatTheSpecificationAllowsIsPassedOn(String header) {
        assertThat(TraceParent.isValid(header)).isTrue();
        assertThat(TraceParent.traceId(header)).isEqualTo("0af7651916cd43dd8448eb211c80319c");
        assertThat(TraceParent.parentId(header)).isEqualTo("b7ad6b7169203331");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "ff-" + IDS,
                "00-" + IDS + "-",
                "01-" + IDS + "x",
                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                "01-" + IDS + "-\rX-Admin: 1",
                "01-" + IDS + "-caf\u00e9",
                "01-" + IDS + "-\u4e2d",
            })
    void anythingElseIsNot(String header) {
        assertThat(TraceParent.isValid(header)).isFalse();
    }

    @Test
    void norIsOneOfAnyLength() {
        assertThat(TraceParent.isValid("01-" + IDS + "-" + "x".repeat(512 - 56)))
                .isTrue();
        assertThat(TraceParent.isValid("01-" + IDS + "-" + "x".repeat(513 - 56)))
                .isFalse();
    }
}
