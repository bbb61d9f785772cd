package dev.pitot.web.compare;

/**
 * A figure of one side and how far to trust it.
 *
 * @param value of all bins together
 * @param error standard error: of the logarithm of the value, or of the value itself where changes are differences; {@code NaN}
 *     when it could not be found
 * @param degrees degrees of freedom of the error
 */
record Estimate(double value, double error, double degrees) {
    static final Estimate NONE = new Estimate(Double.NaN, Double.NaN, 1);
}
