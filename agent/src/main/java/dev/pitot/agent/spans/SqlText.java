package dev.pitot.agent.spans;

/**
 * SQL with its literals replaced by {@code ?}, comments and needless blanks left out and lists of literals folded, so that one statement of
 * the program is one text, and nothing of a person's data is in it. Knows no dialect: what could be a literal in any is one. Pure functions.
 */
final class SqlText {
    /** Characters of the result; statements that differ only behind are one. */
    static final int MAX_LENGTH = 2000;

    private SqlText() {}

    static String normalised(String sql) {
        StringBuilder out = new StringBuilder(Math.min(sql.length(), MAX_LENGTH) + 8);
        int at = 0;
        while (at < sql.length() && out.length() < MAX_LENGTH) {
            char c = sql.charAt(at);
            if (Character.isWhitespace(c)) {
                blank(out);
                at++;
            } else if (c == '-' && follows(sql, at, '-')) {
                at = after(sql, at, "\n");
                blank(out);
            } else if (c == '/' && follows(sql, at, '*')) {
                at = after(sql, at + 2, "*/");
                blank(out);
            } else if (c == '\'') {
                at = afterQuoted(sql, at);
                literal(out);
            } else if (c == '$' && dollarTag(sql, at) > 0) {
                int tag = dollarTag(sql, at);
                at = after(sql, at + tag, sql.substring(at, at + tag));
                literal(out);
            } else if (c == '"' || c == '`') {
                int end = sql.indexOf(c, at + 1);
                end = end < 0 ? sql.length() : end + 1;
                out.append(sql, at, end);
                at = end;
            } else if (isDigit(c) && !isWord(out)) {
                at = afterNumber(sql, at);
                literal(out);
            } else if (c == '?') {
                literal(out);
                at++;
            } else {
                out.append(c);
                at++;
            }
        }
        int length = out.length();
        while (length > 0 && (out.charAt(length - 1) == ' ' || out.charAt(length - 1) == ';')) {
            length--;
        }
        return out.substring(0, Math.min(length, MAX_LENGTH));
    }

    private static void blank(StringBuilder out) {
        int length = out.length();
        if (length > 0 && out.charAt(length - 1) != ' ' && out.charAt(length - 1) != '(') {
            out.append(' ');
        }
    }

    /** A list of literals is one: {@code in (1, 2, 3)} and {@code values (?, ?), (?, ?)} do not grow. */
    private static void literal(StringBuilder out) {
        int length = out.length();
        int at = length;
        while (at > 0 && out.charAt(at - 1) == ' ') {
            at--;
        }
        if (at > 0 && out.charAt(at - 1) == ',') {
            at--;
            while (at > 0 && out.charAt(at - 1) == ' ') {
                at--;
            }
            if (at > 0 && out.charAt(at - 1) == '?') {
                out.setLength(at);
                return;
            }
        }
        out.append('?');
    }

    private static boolean follows(String sql, int at, char c) {
        return at + 1 < sql.length() && sql.charAt(at + 1) == c;
    }

    private static int after(String sql, int from, String end) {
        int at = sql.indexOf(end, from);
        return at < 0 ? sql.length() : at + end.length();
    }

    /** A quote is doubled within; where a dialect escapes it with a backslash, that is believed too. */
    private static int afterQuoted(String sql, int at) {
        int i = at + 1;
        while (i < sql.length()) {
            char c = sql.charAt(i);
            if (c == '\\') {
                i += 2;
            } else if (c == '\'') {
                if (!follows(sql, i, '\'')) {
                    return i + 1;
                }
                i += 2;
            } else {
                i++;
            }
        }
        return sql.length();
    }

    /** Length of PostgreSQL's {@code $tag$}, or 0. */
    private static int dollarTag(String sql, int at) {
        for (int i = at + 1; i < sql.length(); i++) {
            char c = sql.charAt(i);
            if (c == '$') {
                return i + 1 - at;
            }
            if (!(isDigit(c) && i > at + 1) && !Character.isLetter(c) && c != '_') {
                return 0;
            }
        }
        return 0;
    }

    private static int afterNumber(String sql, int at) {
        int i = at;
        while (i < sql.length()) {
            char c = sql.charAt(i);
            boolean exponent = (c == '-' || c == '+') && (sql.charAt(i - 1) | 0x20) == 'e' && i > at;
            if (!isDigit(c) && !Character.isLetter(c) && c != '.' && c != '_' && !exponent) {
                return i;
            }
            i++;
        }
        return i;
    }

    /** Whether the text so far ends within a name, whose digits are part of it; {@code $1} is one too. */
    private static boolean isWord(StringBuilder out) {
        if (out.length() == 0) {
            return false;
        }
        char last = out.charAt(out.length() - 1);
        return Character.isLetterOrDigit(last)
                || last == '_'
                || last == '$'
                || last == '@'
                || last == ':'
                || last == '#';
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    /** FNV-1a of 64 bits over the UTF-16 code units, as 16 hexadecimal digits: the same in every JVM. See RFC 9923. */
    static String hash(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        }
        return Hex.of(hash);
    }
}
