package dev.pitot.examples;

/** The smallest program: what a JVM costs before it does anything. Start-up costs of flags are measured on it. */
public final class Hello {
    private Hello() {}

    /** Prints one line and ends; arguments are ignored. */
    public static void main(String[] args) {
        System.out.println("Hello, world");
    }
}
