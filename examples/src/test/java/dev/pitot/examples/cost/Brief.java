package dev.pitot.examples.cost;

/** Does as little as "hello world", but stays long enough to be seen from outside on a busy machine. */
final class Brief {
    private Brief() {}

    public static void main(String[] args) throws InterruptedException {
        System.out.println("Hello, world");
        Thread.sleep(500);
    }
}
