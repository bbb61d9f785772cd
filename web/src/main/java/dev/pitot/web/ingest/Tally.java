package dev.pitot.web.ingest;

import dev.pitot.web.store.Histogram;
import dev.pitot.web.store.Rollup;
import java.util.Arrays;

/**
 * What the events of one counted type and key came to in one minute so far, by the laws of {@code docs/spec/data-model.md}: totals
 * of a summary's numbers, and its durations. One thread at a time.
 */
final class Tally {
    private static final String DURATION = "duration";
    /** Where things are in the fields of an event; -1: nowhere. */
    private record Places(
            int count, int untimed, int async, int max, int sum, int running, int source, int pauses, boolean[] total) {
        static Places of(String type, String[] fields) {
            boolean collection = type.equals("jdk.GarbageCollection");
            Places places = new Places(
                    place(fields, "count"),
                    place(fields, "untimed"),
                    place(fields, "async"),
                    place(fields, "maxDuration"),
                    place(fields, "totalDuration"),
                    place(fields, "counterRunning"),
                    place(fields, "counterSource"),
                    collection ? place(fields, "sumOfPauses") : -1,
                    new boolean[fields.length]);
            for (int i = 0; i < fields.length; i++) {
                places.total[i] = collection ? i == places.pauses : i != places.max && i != places.running;
            }
            return places;
        }

        private static int place(String[] fields, String name) {
            return Arrays.asList(fields).indexOf(name);
        }
    }

    private final String type;
    private final Rollup rollup = new Rollup();
    /** It got events since it was stored. */
    boolean dirty;

    // What was not yet put into the rollup, by place.
    private String[] fields = {};
    private Places places;
    private double[] totals = {};
    private long timed;
    private double longest = Double.NaN;
    private double duration;
    private Histogram durations = new Histogram();

    Tally(String type) {
        this.type = type;
        this.places = Places.of(type, fields);
    }

    /**
     * Counts an event.
     *
     * @param histogram its durations as {@code bucket:count} pairs, empty when it has none
     */
    void add(EventFields.Sample event, String histogram) {
        if (event.fields() != fields) {
            // The first one, or the first of another chunk.
            drain();
            fields = event.fields();
            places = Places.of(type, fields);
            totals = new double[fields.length];
            Arrays.fill(totals, Double.NaN);
        }
        rollup.events(1);
        dirty = true;
        double[] numbers = event.numbers();
        for (int i = 0; i < numbers.length; i++) {
            if (places.total[i] && !Double.isNaN(numbers[i])) {
                totals[i] = Double.isNaN(totals[i]) ? numbers[i] : totals[i] + numbers[i];
            }
        }
        if (places.running >= 0) {
            rollup.values("counterRunning", new double[] {numbers[places.running]}, 1);
        }
        String source = places.source < 0 ? null : event.texts()[places.source];
        if (source != null) {
            rollup.text("counterSource", source);
        }
        if (places.pauses >= 0) {
            rollup.total("count", 1);
            rollup.values(DURATION, new double[] {numbers[places.pauses]}, 1);
        }
        if (places.max >= 0 && places.sum >= 0 && places.count >= 0) {
            time(numbers, histogram);
        }
    }

    private void time(double[] numbers, String histogram) {
        // Agents before 'untimed' saw the end of no request that was left to another thread.
        int unseen = places.untimed >= 0 ? places.untimed : places.async;
        double seen = numbers[places.count] - (unseen < 0 ? 0 : numbers[unseen]);
        double max = numbers[places.max];
        double sum = numbers[places.sum];
        if (!(seen >= 1) || Double.isNaN(max) || Double.isNaN(sum)) {
            return;
        }
        timed += (long) seen;
        longest = timed == (long) seen ? max : Math.max(longest, max);
        duration += sum;
        durations.addDurations(histogram, (long) seen);
    }

    private void drain() {
        for (int i = 0; i < fields.length; i++) {
            rollup.total(fields[i], totals[i]);
        }
        Arrays.fill(totals, Double.NaN);
        rollup.spread(DURATION, timed, longest, duration, durations);
        timed = 0;
        longest = Double.NaN;
        duration = 0;
        durations = new Histogram();
    }

    /** The row of all events so far; the next event changes it. */
    Rollup row() {
        drain();
        return rollup;
    }
}
