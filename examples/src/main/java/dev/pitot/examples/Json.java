package dev.pitot.examples;

/**
 * Writes JSON by hand, as the shop needs no library for it. One instance builds one document, on one thread; the caller
 * keeps brackets balanced.
 */
final class Json {
    private final StringBuilder out = new StringBuilder(256);

    Json open(char bracket) {
        separate();
        out.append(bracket);
        return this;
    }

    Json close(char bracket) {
        out.append(bracket);
        return this;
    }

    Json field(String name, String value) {
        name(name);
        return quoted(value);
    }

    Json field(String name, long value) {
        name(name);
        out.append(value);
        return this;
    }

    /** A price in euros with two decimals, from whole cents: no binary fraction ever touches money. */
    Json cents(String name, long cents) {
        name(name);
        out.append(cents / 100).append('.').append(cents % 100 / 10).append(cents % 10);
        return this;
    }

    Json name(String name) {
        separate();
        quoted(name);
        out.append(':');
        return this;
    }

    /** An element of an array. */
    Json text(String value) {
        separate();
        return quoted(value);
    }

    private void separate() {
        if (out.length() > 0 && "[{:,".indexOf(out.charAt(out.length() - 1)) < 0) {
            out.append(',');
        }
    }

    private Json quoted(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
        return this;
    }

    @Override
    public String toString() {
        return out.toString();
    }
}
