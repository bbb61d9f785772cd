package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TraceStateTest {
    @Test
    void severalHeadersAreOneList() {
        assertThat(TraceState.of(List.of("rojo=00f067aa0ba902b7, congo=t61", "other=1")))
                .isEqualTo("rojo=00f067aa0ba902b7, congo=t61,other=1");
        assertThat(TraceState.of(List.of(" a=1 "))).isEqualTo("a=1");
    }

    @Test
    void whatIsNoneIsNotPassedOn() {
        assertThat(TraceState.of(null)).isNull();
        assertThat(TraceState.of(List.of())).isNull();
        assertThat(TraceState.of(List.of(" "))).isNull();
        assertThat(TraceState.of(List.of("a=1\r\nx: y"))).isNull();
        assertThat(TraceState.of(List.of("a=\u00e4"))).isNull();
    }

    @Test
    void aLongOneLosesItsLastMembersAsAWhole() {
        String member = "a=" + "x".repeat(98);
        String five = String.join(",", member, member, member, member, member);
        assertThat(TraceState.of(List.of(five, member))).isEqualTo(five);
        assertThat(TraceState.of(List.of("a=" + "x".repeat(1000)))).isNull();
        assertThat(TraceState.of(List.of("a=" + "x".repeat(510)))).hasSize(512);
    }
}
