package dev.pitot.agent.spans;

/** Identifiers as text. Pure functions. */
final class Hex {
    private Hex() {}

    /** 16 digits. */
    static String of(long value) {
        char[] digits = new char[16];
        for (int i = 0; i < 16; i++) {
            digits[i] = Character.forDigit((int) (value >>> (60 - 4 * i)) & 15, 16);
        }
        return new String(digits);
    }
}
