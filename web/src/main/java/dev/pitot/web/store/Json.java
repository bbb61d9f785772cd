package dev.pitot.web.store;

import java.util.Map;

/** Writes JSON that PostgreSQL's {@code jsonb} accepts, whatever the text: no NUL, no half of a surrogate pair, no NaN. */
public final class Json {
    private static final char[] HEX = "0123456789abcdef".toCharArray();
    /** Characters of one text that are kept; the rest is cut and marked with an ellipsis. */
    public static final int LONGEST_TEXT = 8192;

    private Json() {}

    /** A text without NUL and halves of characters, each replaced by U+FFFD. */
    public static String storable(String text) {
        char[] fit = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (c == 0 || Character.isSurrogate(c)) {
                fit = fit == null ? text.toCharArray() : fit;
                fit[i] = '\ufffd';
            }
        }
        return fit == null ? text : new String(fit);
    }

    /** Appends a text in quotes. */
    public static void text(StringBuilder out, String text) {
        if (text.length() <= LONGEST_TEXT && isPlain(text)) {
            out.append('"').append(text).append('"');
            return;
        }
        int end = Math.min(text.length(), LONGEST_TEXT);
        if (end < text.length() && Character.isHighSurrogate(text.charAt(end - 1))) {
            end--;
        }
        out.append('"');
        for (int i = 0; i < end; i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c == 0) {
                out.append('\ufffd');
            } else if (c < 0x20) {
                out.append("\\u00").append(HEX[c >> 4]).append(HEX[c & 15]);
            } else if (Character.isHighSurrogate(c)) {
                if (i + 1 < end && Character.isLowSurrogate(text.charAt(i + 1))) {
                    out.append(c).append(text.charAt(++i));
                } else {
                    out.append('\ufffd');
                }
            } else if (Character.isLowSurrogate(c)) {
                out.append('\ufffd');
            } else {
                out.append(c);
            }
        }
        if (end < text.length()) {
            out.append('\u2026');
        }
        out.append('"');
    }

    /** Whether a text is the same in JSON: most are, and to append it in one go takes a fraction of the time. */
    private static boolean isPlain(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < 0x20 || c == '"' || c == '\\' || Character.isSurrogate(c)) {
                return false;
            }
        }
        return true;
    }

    /** Appends a number; null for one that JSON cannot say. Whole numbers are written without a fraction. */
    public static void number(StringBuilder out, double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            out.append("null");
        } else if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            out.append((long) value);
        } else {
            out.append(value);
        }
    }

    /** Texts by name as an object. */
    public static String object(Map<String, String> texts) {
        StringBuilder out = new StringBuilder("{");
        texts.forEach((name, value) -> {
            if (out.length() > 1) {
                out.append(',');
            }
            text(out, name);
            out.append(':');
            text(out, value);
        });
        return out.append('}').toString();
    }
}
