package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What a frame tells the one around it; on a thread whose clocks stand at what a test says. */
class FramesTest {
    private static final long WALL = 1000;

    private final Frames frames = new Frames(0);
    private final Clocks clocks = new Clocks();
    private final SpanThread thread = new SpanThread(clocks, false);

    private static final class Clocks extends ThreadMeter {
        long cpuTime;
        int rests;

        Clocks() {
            super(0, null, null, null, 0, Pauses.unknown(), new Shedding(), false);
        }

        @Override
        long since(Mark mark, Cost cost, Split parts) {
            super.since(mark, cost, parts);
            cost.clear();
            cost.cpuTime = cpuTime;
            return WALL;
        }

        @Override
        void rest() {
            rests++;
        }
    }

    private Frame begin(Frame.Kind kind, boolean counted) {
        Frame frame = thread.next();
        assertThat(frame).isNotNull();
        frame.kind = kind;
        frame.counted = counted;
        clocks.mark(frame.mark, counted);
        thread.push();
        return frame;
    }

    private long close(Frame frame, long cpuTime) {
        assertThat(thread.popTo(frame)).isTrue();
        clocks.cpuTime = cpuTime;
        assertThat(frames.close(thread, frame)).isEqualTo(WALL);
        return frame.cost.cpuTime;
    }

    @Test
    void whatMeasuringAllThatEndedInItTookIsTheOuterOnesHoweverDeep() {
        Frame request = begin(Frame.Kind.REQUEST, true);
        Frame call = begin(Frame.Kind.CALL, true);
        close(begin(Frame.Kind.STATEMENT, false), 0);
        Frame uncounted = begin(Frame.Kind.STATEMENT, false);
        close(begin(Frame.Kind.CALL, true), 0);
        assertThat(thread.popTo(uncounted)).isTrue();
        Frames.pass(thread, uncounted);
        assertThat(call.inner).isEqualTo(2);
        assertThat(call.innerCounted).isEqualTo(1);
        close(call, 0);
        assertThat(request.inner).isEqualTo(3);
        assertThat(request.innerCounted).isEqualTo(2);
        assertThat(clocks.rests).isZero();
        close(request, 0);
        assertThat(clocks.rests).isEqualTo(1);
        assertThat(begin(Frame.Kind.REQUEST, true).inner).as("the next one's").isZero();
    }

    @Test
    void workForOthersIsInNoneOfTheFramesAroundItAndNotInTheNextOne() {
        for (int round = 0; round < 2; round++) {
            Frame request = begin(Frame.Kind.REQUEST, true);
            Frame statement = begin(Frame.Kind.STATEMENT, true);
            Frame helping = begin(Frame.Kind.TASK, true);
            close(begin(Frame.Kind.TASK, true), 100);
            assertThat(close(helping, 300)).isEqualTo(200);
            assertThat(close(statement, 350)).isEqualTo(50);
            assertThat(close(request, 400)).isEqualTo(100);
            assertThat(Frames.less(request).cpuTime).isEqualTo(50);
            assertThat(close(begin(Frame.Kind.REQUEST, true), 400)).isEqualTo(400);
        }
    }

    @Test
    void noThreadHasMoreCpuTimeThanTherePassed() {
        assertThat(close(begin(Frame.Kind.REQUEST, true), WALL + 1)).isEqualTo(WALL);
    }

    @Test
    void whatIsNestedTooDeepIsAPartOfWhatIsAroundIt() {
        for (int i = 0; i < 16; i++) {
            begin(Frame.Kind.TASK, true);
        }
        assertThat(thread.next()).isNull();
        thread.abandon();
        assertThat(thread.next()).isNotNull();
        assertThat(clocks.rests).isEqualTo(1);
    }
}
