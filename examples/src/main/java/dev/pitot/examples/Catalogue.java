package dev.pitot.examples;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * What the shop sells, the same in every run. Searching it is arithmetic on small strings that fit the caches. Immutable after
 * construction, so any thread may call any method.
 */
final class Catalogue {
    /** One article; the price is in euro cents. */
    record Product(int id, String name, String description, int priceCents) {}

    /** A product found by {@link #search}, with how far the query is from its name (0 = contained in it). */
    record Match(Product product, int distance) {}

    static final int PRODUCTS = 1200;
    static final int CUSTOMERS = 50_000;

    private static final String[] KINDS = {
        "Kettle", "Lantern", "Compass", "Teapot", "Notebook", "Backpack", "Thermos", "Hammock", "Telescope", "Umbrella",
        "Barometer", "Cutlery", "Blanket", "Bicycle", "Headlamp", "Whistle", "Saucepan", "Windmill", "Altimeter",
                "Paddle"
    };
    private static final String[] LOOKS = {
        "Copper", "Walnut", "Folding", "Travel", "Enamel", "Nordic", "Harbour", "Alpine", "Pocket", "Quiet", "Amber",
        "Granite"
    };
    private static final String[] PRAISE = {
        "Made to last a lifetime.",
        "Weighs less than it looks.",
        "Our best seller in rainy weeks.",
        "Repairable with two screws.",
        "Tested on a long walk along the coast.",
        "Comes in a box without plastic."
    };

    private final List<Product> products;

    Catalogue(long seed) {
        Random random = new Random(seed);
        List<Product> all = new ArrayList<>(PRODUCTS);
        for (int id = 1; id <= PRODUCTS; id++) {
            String look = LOOKS[random.nextInt(LOOKS.length)];
            String kind = KINDS[random.nextInt(KINDS.length)];
            String praise = PRAISE[random.nextInt(PRAISE.length)] + " " + PRAISE[random.nextInt(PRAISE.length)];
            all.add(new Product(id, look + " " + kind + " " + id, praise, 495 + random.nextInt(25_000)));
        }
        products = List.copyOf(all);
    }

    List<Product> products() {
        return products;
    }

    /** The product with this id, 1 to {@link #PRODUCTS}; the caller has checked the range. */
    Product product(int id) {
        return products.get(id - 1);
    }

    /**
     * The ten products nearest to what was typed: those whose name or description contains it, then those with a word of the
     * name within two typing errors.
     */
    List<Match> search(String query) {
        String wanted = query.toLowerCase(Locale.ROOT);
        List<Match> found = new ArrayList<>();
        for (Product product : products) {
            int distance = distance(product, wanted);
            if (distance <= 2) {
                found.add(new Match(product, distance));
            }
        }
        found.sort(Comparator.comparingInt(Match::distance)
                .thenComparingInt(match -> match.product().id()));
        return found.subList(0, Math.min(10, found.size()));
    }

    private static int distance(Product product, String wanted) {
        String name = product.name().toLowerCase(Locale.ROOT);
        if (name.contains(wanted)
                || product.description().toLowerCase(Locale.ROOT).contains(wanted)) {
            return 0;
        }
        int best = Integer.MAX_VALUE;
        for (String word : name.split(" ")) {
            best = Math.min(best, edits(word, wanted));
        }
        return best;
    }

    /** Levenshtein distance: insertions, deletions and replacements from one word to the other. */
    private static int edits(String from, String to) {
        int[] previous = new int[to.length() + 1];
        int[] current = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            previous[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            current[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int replaced = previous[j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                current[j] = Math.min(replaced, 1 + Math.min(previous[j], current[j - 1]));
            }
            int[] swap = previous;
            previous = current;
            current = swap;
        }
        return previous[to.length()];
    }

    /** Five products that people who shop like this customer went on to look at: those that a walk through the visits saw most. */
    List<Product> recommendations(int customer, Visits visits) {
        int[] seen = visits.seen(customer, PRODUCTS);
        List<Product> best = new ArrayList<>(products);
        best.sort(Comparator.comparingInt((Product product) -> -seen[product.id() - 1])
                .thenComparingInt(Product::id));
        return best.subList(0, 5);
    }
}
