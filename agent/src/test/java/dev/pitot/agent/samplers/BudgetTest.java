package dev.pitot.agent.samplers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.spans.Shedding;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class BudgetTest {
    /** Runs seconds in which the cost depends on the level; returns the level after them. */
    private static int run(Budget budget, int seconds, IntToDoubleFunction costAtLevel) {
        for (int i = 0; i < seconds; i++) {
            budget.next(costAtLevel.applyAsDouble(budget.level()));
        }
        return budget.level();
    }

    @Test
    void theCostOfTheStartShedsNothing() {
        Budget budget = new Budget(0.01);
        assertThat(run(budget, Budget.WARM_UP, level -> 0.9)).isEqualTo(Shedding.NOTHING);
        assertThat(run(budget, 600, level -> 0.009)).isEqualTo(Shedding.NOTHING);
    }

    @Test
    void itShedsStepByStepUntilTheBudgetIsKept() {
        Budget budget = new Budget(0.01);
        run(budget, Budget.WARM_UP, level -> 0);
        // Only without the counters of SQL is it cheap enough, and then not so cheap that it might come back.
        IntToDoubleFunction cost = level -> level >= Shedding.COUNTERS_OF_SQL ? 0.009 : 0.03;
        run(budget, 2 * Budget.SETTLE, cost);
        assertThat(budget.level()).isBetween(Shedding.STACK_TRACES, Shedding.EVENTS);
        assertThat(run(budget, 20 * Budget.SETTLE, cost)).isEqualTo(Shedding.COUNTERS_OF_SQL);
        assertThat(run(budget, 2000, cost)).isEqualTo(Shedding.COUNTERS_OF_SQL);
    }

    @Test
    void itComesBackWhenTheLoadIsGone() {
        Budget budget = new Budget(0.01);
        run(budget, Budget.WARM_UP, level -> 0);
        assertThat(run(budget, 100, level -> 0.05)).isEqualTo(Shedding.MOST);
        assertThat(run(budget, 500, level -> 0.001)).isEqualTo(Shedding.NOTHING);
    }

    @Test
    void itTriesLessAndLessOftenToComeBackToWhatCostsTooMuch() {
        Budget budget = new Budget(0.01);
        run(budget, Budget.WARM_UP, level -> 0);
        IntToDoubleFunction cost = level -> level == Shedding.NOTHING ? 0.05 : 0.002;
        int tries = 0;
        int over = 0;
        int before = 0;
        for (int i = 0; i < 3600; i++) {
            int level = budget.next(cost.applyAsDouble(budget.level()));
            tries += level == Shedding.NOTHING && before > 0 ? 1 : 0;
            over += level == Shedding.NOTHING ? 1 : 0;
            before = level;
        }
        assertThat(tries).isBetween(3, 9);
        // An hour at this cost keeps to the budget but for some hundredths of the time.
        assertThat(over).isLessThan(150);
    }

    @Test
    void withoutABudgetNothingIsEverGivenUp() {
        assertThat(run(new Budget(1), 1000, level -> 0.9)).isEqualTo(Shedding.NOTHING);
    }

    @Test
    void aSecondThatIsNotKnownChangesNothing() {
        Budget budget = new Budget(0.01);
        run(budget, Budget.WARM_UP, level -> 0);
        assertThat(run(budget, 1000, level -> Double.NaN)).isEqualTo(Shedding.NOTHING);
    }
}
