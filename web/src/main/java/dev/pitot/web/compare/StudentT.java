package dev.pitot.web.compare;

/** Student's t distribution, by the incomplete beta function (Press et al., Numerical Recipes, 6.4). */
final class StudentT {
    private static final double[] LANCZOS = {
        76.18009172947146,
        -86.50532032941677,
        24.01409824083091,
        -1.231739572450155,
        0.001208650973866179,
        -0.000005395239384953
    };
    private static final double TINY = 1e-300;

    private StudentT() {}

    /** The probability of a value at least as far from 0 on either side. */
    static double twoSided(double t, double degrees) {
        return Double.isInfinite(t) ? 0 : beta(degrees / (degrees + t * t), degrees / 2);
    }

    /** The value that is exceeded on either side with this probability in all: 2.09 for 0.05 and 19 degrees. */
    static double critical(double probability, double degrees) {
        double low = 0;
        double high = 1;
        while (twoSided(high, degrees) > probability && high < 1e6) {
            high *= 2;
        }
        for (int i = 0; i < 60; i++) {
            double middle = (low + high) / 2;
            if (twoSided(middle, degrees) > probability) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    /** The regularised incomplete beta function with the second parameter 1/2. */
    private static double beta(double x, double a) {
        double b = 0.5;
        if (x <= 0 || x >= 1) {
            return x <= 0 ? 0 : 1;
        }
        double front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
        return x < (a + 1) / (a + b + 2) ? front * fraction(x, a, b) / a : 1 - front * fraction(1 - x, b, a) / b;
    }

    private static double fraction(double x, double a, double b) {
        double c = 1;
        double d = 1 / away(1 - (a + b) * x / (a + 1));
        double h = d;
        for (int m = 1; m <= 300; m++) {
            double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 / away(1 + even * d);
            c = away(1 + even / c);
            h *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / away(1 + odd * d);
            c = away(1 + odd / c);
            h *= d * c;
            if (Math.abs(d * c - 1) < 1e-12) {
                break;
            }
        }
        return h;
    }

    private static double away(double value) {
        return Math.abs(value) < TINY ? TINY : value;
    }

    private static double logGamma(double x) {
        double sum = 1.000000000190015;
        for (int i = 0; i < LANCZOS.length; i++) {
            sum += LANCZOS[i] / (x + 1 + i);
        }
        double t = x + 5.5;
        return (x + 0.5) * Math.log(t) - t + Math.log(2.5066282746310005 * sum / x);
    }
}
