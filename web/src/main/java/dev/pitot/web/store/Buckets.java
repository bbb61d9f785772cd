package dev.pitot.web.store;

/**
 * Logarithmic buckets of any number, 16 to each power of two, as {@code docs/spec/data-model.md} defines them: the middle of one
 * is at most 3.2 % from any value in it. Bucket 0 is zero and what is closer to it than 2^-64; negative values have the negative
 * bucket of their amount.
 */
public final class Buckets {
    private static final int LEAST_EXPONENT = -64;
    private static final double LEAST = 0x1p-64;

    private Buckets() {}

    /** The bucket of a finite number. */
    public static int of(double value) {
        double amount = Math.abs(value);
        if (amount < LEAST) {
            return 0;
        }
        int e = Math.getExponent(amount);
        int bucket = 1 + 16 * (e - LEAST_EXPONENT) + (int) ((Math.scalb(amount, -e) - 1) * 16);
        return value < 0 ? -bucket : bucket;
    }

    /** The middle of a bucket. */
    public static double middle(int bucket) {
        if (bucket == 0) {
            return 0;
        }
        int place = Math.abs(bucket) - 1;
        double middle = Math.scalb(1 + (place % 16 + 0.5) / 16, place / 16 + LEAST_EXPONENT);
        return bucket < 0 ? -middle : middle;
    }
}
