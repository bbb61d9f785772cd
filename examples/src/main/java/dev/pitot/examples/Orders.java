package dev.pitot.examples;

import java.security.GeneralSecurityException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * What was ordered and what is in stock. Bounded: the oldest order makes room for the newest. Safe for any thread; stock sits
 * behind one lock that is held a little too long, which is its point.
 */
final class Orders {
    /** One order; the total is in euro cents, the seal proves it was not altered. */
    record Order(long number, int customer, int product, int quantity, long totalCents, String seal) {}

    /** A line of the report: one product, how many were sold and for how many euro cents. */
    record Sales(String product, long sold, long revenueCents) {}

    static final int KEPT = 10_000;

    /** How long the stock lock is held beyond the counting: the warehouse's answer is awaited inside it. */
    private static final long WAREHOUSE_MILLIS = 8;

    private static final int SEAL_ROUNDS = 8_000;
    private static final int VOUCHER_ROUNDS = 2_000;
    private static final byte[] SALT = {'p', 'i', 't', 'o', 't', '-', 's', 'h', 'o', 'p'};

    private final Catalogue catalogue;
    private final Object ordersLock = new Object();
    private final Deque<Order> orders = new ArrayDeque<>(KEPT);
    private long lastNumber;
    private final Object stockLock = new Object();
    private final int[] stock = new int[Catalogue.PRODUCTS];

    Orders(Catalogue catalogue, long seed) {
        this.catalogue = catalogue;
        Random random = new Random(seed);
        for (int i = 0; i < KEPT; i++) {
            int product = 1 + random.nextInt(Catalogue.PRODUCTS);
            add(1 + random.nextInt(Catalogue.CUSTOMERS), product, 1 + random.nextInt(4), "");
        }
        for (int i = 0; i < stock.length; i++) {
            stock[i] = 20 + random.nextInt(200);
        }
    }

    /** Takes an order and seals it with PBKDF2: thousands of SHA-256 rounds, pure arithmetic in registers and first-level cache. */
    Order checkout(int customer, int product, int quantity) {
        return add(customer, product, quantity, seal(customer + ":" + product + ":" + quantity, SEAL_ROUNDS));
    }

    /** The code of a voucher: a quarter of the arithmetic of a checkout. */
    static String voucher(int customer, int number) {
        return seal("voucher:" + customer + ":" + number, VOUCHER_ROUNDS);
    }

    private Order add(int customer, int product, int quantity, String seal) {
        synchronized (ordersLock) {
            long total = (long) catalogue.product(product).priceCents() * quantity;
            Order order = new Order(++lastNumber, customer, product, quantity, total, seal);
            if (orders.size() == KEPT) {
                orders.removeFirst();
            }
            orders.addLast(order);
            return order;
        }
    }

    private static String seal(String text, int rounds) {
        try {
            PBEKeySpec key = new PBEKeySpec(text.toCharArray(), SALT, rounds, 128);
            byte[] bytes = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                    .generateSecret(key)
                    .getEncoded();
            StringBuilder hex = new StringBuilder();
            for (byte b : bytes) {
                hex.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
            }
            return hex.toString();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(
                    "This JDK has no PBKDF2WithHmacSHA256, which every JDK from 8 on ships.", e);
        }
    }

    /**
     * The ten best sellers. Deliberately the way it is often written: a fresh line with a fresh label per order, all sorted, then
     * grouped: a few megabytes of garbage a call.
     */
    List<Sales> report() {
        List<Order> copy;
        synchronized (ordersLock) {
            copy = new ArrayList<>(orders);
        }
        List<Sales> lines = new ArrayList<>();
        for (Order order : copy) {
            String label = String.format("%05d ", order.product())
                    + catalogue.product(order.product()).name();
            lines.add(new Sales(label, order.quantity(), order.totalCents()));
        }
        lines.sort((a, b) -> a.product().compareTo(b.product()));
        List<Sales> grouped = new ArrayList<>();
        for (Sales line : lines) {
            Sales last = grouped.isEmpty() ? null : grouped.get(grouped.size() - 1);
            if (last != null && last.product().equals(line.product())) {
                grouped.set(
                        grouped.size() - 1,
                        new Sales(
                                last.product(), last.sold() + line.sold(), last.revenueCents() + line.revenueCents()));
            } else {
                grouped.add(line);
            }
        }
        grouped.sort(Collections.reverseOrder((a, b) -> Long.compare(a.revenueCents(), b.revenueCents())));
        return grouped.subList(0, 10);
    }

    /**
     * Pieces in stock, counted while the warehouse confirms and everybody else waits: callers pass one at a time.
     *
     * @throws InterruptedException when the shop is closing
     */
    long inventory() throws InterruptedException {
        synchronized (stockLock) {
            long pieces = 0;
            for (int each : stock) {
                pieces += each;
            }
            TimeUnit.MILLISECONDS.sleep(WAREHOUSE_MILLIS);
            return pieces;
        }
    }
}
