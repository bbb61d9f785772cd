package dev.pitot.agent.samplers;

import dev.pitot.agent.spans.Shedding;

/**
 * Decides each second how much the agent gives up so that on average it costs no more than it may. It sheds one level at a time and waits for
 * the effect; it comes back the same way once it has been well below the budget for a while, and is more patient each time that it had to
 * shed again soon after. Pure but for its own memory; one thread.
 */
final class Budget {
    /** Seconds over which the share is averaged, as an exponential moving average. */
    static final int MEMORY = 10;
    /** Seconds at the start that do not count: JFR starts, and classes are woven. */
    static final int WARM_UP = 30;
    /** Seconds for which a change is given to show. */
    static final int SETTLE = 10;

    static final int LEAST_PATIENCE = 30;
    static final int MOST_PATIENCE = 960;
    /** Below this part of the budget it may come back. */
    private static final double WELL_BELOW = 0.7;

    private final double budget;
    private double average;
    private int averaged;
    private int second;
    private int level = Shedding.NOTHING;
    private int cameBackAt = Integer.MIN_VALUE / 2;
    private int belowSince;
    private int patience = LEAST_PATIENCE;

    /** @param budget a share; 1 and above is none */
    Budget(double budget) {
        this.budget = budget;
    }

    /**
     * Takes note of what a second cost.
     *
     * @param share of CPU time; NaN when it is not known, which changes nothing
     * @return the level of {@link Shedding} from now on
     */
    int next(double share) {
        second++;
        if (budget >= 1 || second <= WARM_UP || Double.isNaN(share)) {
            return level;
        }
        // Anew after each change: what was before says nothing of what is given up now.
        average += (share - average) / Math.min(MEMORY, ++averaged);
        if (average > WELL_BELOW * budget) {
            belowSince = second;
        }
        if (averaged < SETTLE) {
            return level;
        }
        if (average > budget && level < Shedding.MOST) {
            if (second - cameBackAt < patience) {
                patience = Math.min(MOST_PATIENCE, patience * 2);
            }
            level++;
            averaged = 0;
        } else if (level > Shedding.NOTHING && second - belowSince >= patience) {
            level--;
            averaged = 0;
            cameBackAt = second;
            belowSince = second;
        }
        return level;
    }

    int level() {
        return level;
    }
}
