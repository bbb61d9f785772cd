package dev.pitot.agent.spans;

import java.util.Arrays;

/**
 * SQL with its literals replaced by {@code ?}, comments left out, blanks made alike and lists of literals folded, so that one statement of
 * the program is one text, and nothing of a person's data is in it. What could be a literal is taken for one, and where databases disagree
 * on where a literal ends, the text ends there. Used by one thread, once.
 *
 * <p>Sources: PostgreSQL's "Lexical Structure", MySQL's "Language Structure", Oracle's "Literals", SQL Server's "Constants" and "Database
 * Identifiers".
 */
final class SqlText {
    /** Characters of the result; statements that differ only behind are one. */
    static final int MAX_LENGTH = 2000;

    /** Characters that are looked at; of what is longer the result ends with {@link #CUT}. */
    static final int MAX_READ = 65_536;

    private static final String CUT = " …";

    /** Readings, see {@link #readingOf}: double quotes are around names, not around literals. */
    static final int QUOTED_NAMES = 1;
    /** Brackets are around names, and {@code $5} is money. */
    static final int BRACKETED_NAMES = 2;
    /** {@code #} begins a comment, and {@code --} only before a blank. */
    static final int HASH_COMMENTS = 4;
    /** {@code //} begins a comment. */
    static final int SLASH_COMMENTS = 8;

    /** Kinds of what was put out, as far as blanks and lists depend on them. */
    private static final byte WORD = 1;

    private static final byte KEYWORD = 2;
    private static final byte LITERAL = 3;
    private static final byte OPERATOR = 4;
    private static final byte OPEN = 5;
    private static final byte CLOSE = 6;
    private static final byte COMMA = 7;
    /** A dot, the colons of casts and slices: stands without blanks. */
    private static final byte DOT = 8;

    private static final byte SEMICOLON = 9;

    private final String sql;
    private final int reading;
    private final int end;
    private int at;
    private final StringBuilder out;
    private byte[] kinds = new byte[64];
    private int[] starts = new int[64];
    private int tokens;
    /** Whether the literal that was put out last stood in quotes: the next one then goes on with it. */
    private boolean quoted;
    /** Whether comments nest; no longer once one would have no end otherwise. */
    private boolean nests = true;
    /** From what may have been the last comment, no quote is in the line up to here. */
    private int unquotedTo;

    private SqlText(String sql, int reading) {
        this.sql = sql;
        this.reading = reading;
        this.end = Math.min(sql.length(), MAX_READ);
        this.out = new StringBuilder(Math.min(end, MAX_LENGTH) + 8);
    }

    /** @param reading of {@link #readingOf} */
    static String normalised(String sql, int reading) {
        return new SqlText(sql, reading).read();
    }

    /**
     * How the database behind a statement reads what databases disagree on.
     *
     * @param statement name of its class; of an unknown one, double quotes are taken to be around literals
     */
    static int readingOf(String statement) {
        if (statement.startsWith("org.h2.")
                || statement.startsWith("org.hsqldb.")
                || statement.startsWith("net.snowflake.")) {
            return QUOTED_NAMES | SLASH_COMMENTS;
        }
        if (statement.startsWith("org.postgresql.")
                || statement.startsWith("oracle.")
                || statement.startsWith("com.ibm.db2.")
                || statement.startsWith("org.apache.derby.")
                || statement.startsWith("com.clickhouse.")
                || statement.startsWith("com.edb.")
                || statement.startsWith("com.amazon.redshift.")
                || statement.startsWith("com.vertica.")
                || statement.startsWith("com.sap.db.")
                || statement.startsWith("org.firebirdsql.")
                || statement.startsWith("io.trino.")
                || statement.startsWith("org.duckdb.")) {
            return QUOTED_NAMES;
        }
        if (statement.startsWith("com.mysql.") || statement.startsWith("org.mariadb.")) {
            return HASH_COMMENTS;
        }
        if (statement.startsWith("com.microsoft.sqlserver.")) {
            return QUOTED_NAMES | BRACKETED_NAMES;
        }
        return statement.startsWith("org.sqlite.") || statement.startsWith("net.sourceforge.jtds.")
                ? BRACKETED_NAMES
                : 0;
    }

    private String read() {
        while (at < end && out.length() < MAX_LENGTH) {
            step(sql.charAt(at));
        }
        if (sql.length() > MAX_READ && out.length() < MAX_LENGTH) {
            // Wherever in a list of literals the cut falls, the result is the same.
            while (tokens > 0 && last() >= LITERAL && last() != DOT) {
                drop();
            }
            out.append(CUT);
        }
        while (tokens > 0 && last() == SEMICOLON) {
            drop();
        }
        int length = Math.min(out.length(), MAX_LENGTH);
        if (length > 0 && Character.isHighSurrogate(out.charAt(length - 1))) {
            length--;
        }
        return out.substring(0, length);
    }

    private void step(char c) {
        if (isBlank(c)) {
            at++;
        } else if (reading == 0 && mayBeComment(c) && isQuoteInLine(at)) {
            at = end;
        } else if (c == '-' && is(at + 1, '-') && isComment()) {
            skipLine();
        } else if (c == '/' && is(at + 1, '/') && (reading & SLASH_COMMENTS) != 0) {
            skipLine();
        } else if (c == '/' && is(at + 1, '*')) {
            skipComment();
        } else if (c == '#' && isHashComment()) {
            skipLine();
        } else if (c == '\'') {
            quotedLiteral('\'', false);
        } else if (c == '"') {
            if ((reading & QUOTED_NAMES) != 0) {
                name('"');
            } else {
                quotedLiteral('"', false);
            }
        } else if (c == '`') {
            name('`');
        } else if (c == '[' && (reading & BRACKETED_NAMES) != 0) {
            name(']');
        } else if (isDigit(c) || c == '.' && isDigit(peek(at + 1)) && !isAdjacentName()) {
            number();
        } else if (c == '?') {
            questionMark();
        } else if (c == '$') {
            dollar();
        } else if (c == ':') {
            colon();
        } else if (c > 0x7f && Character.getType(c) == Character.CURRENCY_SYMBOL && isDigit(peek(at + 1))) {
            at++;
            number(); // SQL Server's money.
        } else if (startsWord(at)) {
            word();
        } else {
            punctuation(c);
        }
    }

    // What is left out

    /** MySQL takes two minuses for two minuses when no blank follows. */
    private boolean isComment() {
        return (reading & HASH_COMMENTS) == 0 || at + 2 >= end || isBlank(sql.charAt(at + 2));
    }

    private boolean isHashComment() {
        // PostgreSQL's operator, and the begin of names elsewhere.
        return (reading & HASH_COMMENTS) != 0 || reading == 0 && at + 1 < end && isBlank(sql.charAt(at + 1));
    }

    /** What begins a comment for some databases and not for others, of which nobody knows which one this is. */
    private boolean mayBeComment(char c) {
        return c == '#' || c == '-' && is(at + 1, '-') && !isBlank(peek(at + 2)) || c == '/' && is(at + 1, '/');
    }

    /** Whether the rest of the line would begin or end a literal if it were no comment. */
    private boolean isQuoteInLine(int from) {
        if (from < unquotedTo) {
            return false;
        }
        int i = from;
        while (i < end && sql.charAt(i) != '\n') {
            char c = sql.charAt(i);
            if (isQuote(c) || c == '$' && reading == 0) {
                return true;
            }
            i++;
        }
        unquotedTo = i;
        return false;
    }

    private static boolean isQuote(char c) {
        return c == '\'' || c == '"' || c == '`';
    }

    /** Some databases take a return without a line feed for the end of a line. */
    private void skipLine() {
        while (at < end && sql.charAt(at) != '\n' && sql.charAt(at) != '\r') {
            at++;
        }
        if (is(at, '\r') && isQuoteInLine(at)) {
            at = end;
        }
    }

    private void skipComment() {
        int close = sql.indexOf("*/", at + 2);
        if (nests) {
            int depth = 0;
            int i = at;
            while (i < end) {
                if (sql.charAt(i) == '/' && is(i + 1, '*')) {
                    depth++;
                    i += 2;
                } else if (sql.charAt(i) == '*' && is(i + 1, '/')) {
                    depth--;
                    i += 2;
                    if (depth == 0) {
                        // What is a comment for one and not for the other must not leave a literal half open.
                        at = isQuoteBetween(close + 2, i) ? end : i;
                        return;
                    }
                } else {
                    i++;
                }
            }
            nests = false;
        }
        at = close < 0 || close >= end ? end : close + 2;
    }

    private boolean isQuoteBetween(int from, int to) {
        for (int i = from; i < to; i++) {
            if (isQuote(sql.charAt(i))) {
                return true;
            }
        }
        return false;
    }

    // Literals

    /**
     * A quote is doubled within. Some databases take one behind a backslash for a part of the literal, others for its end: there the text
     * ends, as all that follows could be either.
     *
     * @param escapes whether a backslash certainly escapes
     */
    private void quotedLiteral(char quote, boolean escapes) {
        int i = at + 1;
        boolean closed = false;
        if (reading == 0 && is(i, quote) && is(i + 1, quote)) {
            i = end; // BigQuery's literals in three quotes, or a quote at the begin of one.
        }
        while (i < end && !closed) {
            char c = sql.charAt(i);
            if (c == '\\') {
                if (!escapes && is(i + 1, quote)) {
                    i = end;
                } else {
                    i += 2;
                }
            } else if (c == quote) {
                if (is(i + 1, quote)) {
                    i += 2;
                } else {
                    closed = true;
                }
            } else {
                i++;
            }
        }
        at = closed ? i + 1 : end;
        if (tokens > 0 && last() == LITERAL && quoted) {
            return;
        }
        literal();
        quoted = true;
    }

    /** Oracle's {@code q'[it's]'}, from its first quote on. */
    private void bracketedLiteral() {
        char open = peek(at + 1);
        char close = open == '[' ? ']' : open == '(' ? ')' : open == '{' ? '}' : open == '<' ? '>' : open;
        int i = at + 2;
        while (i < end && !(sql.charAt(i) == close && is(i + 1, '\''))) {
            i++;
        }
        at = Math.min(i + 2, end);
        literal();
        quoted = true;
    }

    private void number() {
        int i = at;
        while (i < end) {
            char c = sql.charAt(i);
            boolean exponent = (c == '-' || c == '+') && i > at && (sql.charAt(i - 1) | 0x20) == 'e';
            if (!isInWord(c) && c != '.' && !exponent) {
                break;
            }
            i++;
        }
        at = i;
        if (tokens > 0 && last() == OPERATOR && isSign() && (tokens == 1 || isBeforeOperand(kinds[tokens - 2]))) {
            drop();
        }
        literal();
    }

    private boolean isSign() {
        char c = out.charAt(out.length() - 1);
        return (c == '-' || c == '+') && starts[tokens - 1] == out.length() - 1;
    }

    private static boolean isBeforeOperand(byte kind) {
        return kind == OPERATOR || kind == OPEN || kind == COMMA || kind == KEYWORD || kind == SEMICOLON;
    }

    private void questionMark() {
        char next = peek(at + 1);
        if (next == '?') {
            at += 2;
            put(OPERATOR, "??"); // JDBC's way to write PostgreSQL's operator.
        } else if ((next == '|' || next == '&') && peek(at + 2) != next && (reading & QUOTED_NAMES) != 0) {
            put(OPERATOR, sql.substring(at, at + 2));
            at += 2;
        } else {
            at++;
            while (at < end && isDigit(sql.charAt(at))) {
                at++;
            }
            literal();
        }
    }

    /** PostgreSQL's {@code $tag$...$tag$} and {@code $1}, money elsewhere. */
    private void dollar() {
        int i = at + 1;
        while (i < end && isInWord(sql.charAt(i)) && sql.charAt(i) != '$' && !(i == at + 1 && isDigit(sql.charAt(i)))) {
            i++;
        }
        if (is(i, '$')) {
            String tag = sql.substring(at, i + 1);
            int close = sql.indexOf(tag, i + 1);
            at = close < 0 || close >= end ? end : close + tag.length();
            literal();
        } else if (isDigit(peek(at + 1))) {
            boolean placeholder = (reading & QUOTED_NAMES) != 0 && (reading & BRACKETED_NAMES) == 0;
            int digits = at + 1;
            while (digits < end && isDigit(sql.charAt(digits))) {
                digits++;
            }
            if (placeholder && !(is(digits, '.') && isDigit(peek(digits + 1)))) {
                put(WORD, sql.substring(at, digits));
                at = digits;
            } else {
                at++;
                number();
            }
        } else if (startsWord(at + 1)) {
            word();
        } else {
            at++;
            put(OPERATOR, "$");
        }
    }

    /** A list of literals is one: {@code in (1, 2, 3)} does not grow. */
    private void literal() {
        quoted = false;
        if (tokens > 1 && last() == COMMA && kinds[tokens - 2] == LITERAL) {
            drop();
            return;
        }
        put(LITERAL, "?");
    }

    // What stays

    private void name(char close) {
        int i = at + 1;
        while (i < end) {
            if (sql.charAt(i) == close) {
                if (!is(i + 1, close)) {
                    if (isPassword(true)
                            || close == '`' && (reading & QUOTED_NAMES) != 0 && isQuoteBetween(at + 1, i)) {
                        literal();
                    } else {
                        put(WORD, sql.substring(at, Math.min(i + 1, at + MAX_LENGTH)));
                    }
                    at = i + 1;
                    return;
                }
                i++;
            }
            i++;
        }
        at = end;
        literal();
    }

    private void word() {
        int i = at + 1;
        // One of a variable, two of a system's.
        while (i < end && (isInWord(sql.charAt(i)) || sql.charAt(i) == '@' && sql.charAt(i - 1) == '@')
                || is(i, '#') && isHashInWord(i)) {
            i++;
        }
        int length = i - at;
        if (is(i, '\'') && length <= 16) {
            String prefix = sql.substring(at, i);
            if (prefix.equalsIgnoreCase("q") || prefix.equalsIgnoreCase("nq")) {
                at = i;
                bracketedLiteral();
                return;
            }
            if (isPrefix(prefix)) {
                at = i;
                quotedLiteral('\'', prefix.equalsIgnoreCase("e") && reading == QUOTED_NAMES);
                return;
            }
        } else if (length == 1 && (sql.charAt(at) | 0x20) == 'u' && is(i, '&') && is(i + 1, '\'')) {
            at = i + 1;
            quotedLiteral('\'', false);
            return;
        }
        String word = sql.substring(at, Math.min(i, at + MAX_LENGTH));
        at = i;
        if (isPassword(false)) {
            literal();
        } else {
            put(isKeyword(word) ? KEYWORD : WORD, word);
        }
    }

    /** Some databases have names with it; of an unknown one, it may as well begin a comment right behind a name. */
    private boolean isHashInWord(int index) {
        char next = peek(index + 1);
        return !isDigit(next)
                && (reading & HASH_COMMENTS) == 0
                && (reading != 0 || !isBlank(next) && !isQuoteInLine(index));
    }

    /** Oracle's passwords look like names: {@code identified by "tiger" replace "lion"}. So do HSQLDB's, behind a word. */
    private boolean isPassword(boolean quotedName) {
        return tokens > 0
                && (last() == KEYWORD && endsWith("identified by")
                        || last() == WORD
                                && (endsWith("identified by ? replace") || quotedName && endsWith("password")));
    }

    /** Whether so ends what was put out, in letters of any case. */
    private boolean endsWith(String words) {
        int from = out.length() - words.length();
        if (from < 0) {
            return false;
        }
        for (int i = words.length() - 1; i >= 0; i--) {
            char c = out.charAt(from + i);
            if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != words.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isPrefix(String word) {
        return word.charAt(0) == '_' || word.length() == 1 && "enxbrENXBR".indexOf(word.charAt(0)) >= 0;
    }

    /** Words that a parenthesis stands apart from, and a sign behind is no subtraction. */
    private static boolean isKeyword(String word) {
        if (word.length() > 9) {
            return false;
        }
        char[] lower = word.toCharArray();
        for (int i = 0; i < lower.length; i++) {
            lower[i] |= lower[i] >= 'A' && lower[i] <= 'Z' ? 0x20 : 0;
        }
        return switch (new String(lower)) {
            case "all",
                    "and",
                    "as",
                    "between",
                    "by",
                    "case",
                    "distinct",
                    "else",
                    "except",
                    "exists",
                    "from",
                    "having",
                    "in",
                    "intersect",
                    "interval",
                    "into",
                    "is",
                    "join",
                    "like",
                    "limit",
                    "not",
                    "offset",
                    "on",
                    "or",
                    "over",
                    "return",
                    "returning",
                    "select",
                    "set",
                    "then",
                    "union",
                    "using",
                    "values",
                    "when",
                    "where",
                    "with" -> true;
            default -> false;
        };
    }

    /** A cast, a slice of an array, an assignment or a placeholder. */
    private void colon() {
        char next = peek(at + 1);
        boolean operand = tokens == 0 || isBeforeOperand(last()) && out.charAt(out.length() - 1) != '[';
        if (next == ':') {
            at += 2;
            put(DOT, "::");
        } else if (next == '=') {
            at += 2;
            put(OPERATOR, ":=");
        } else if (isDigit(next) && operand || startsWord(at + 1) && !isAdjacentName()) {
            word();
        } else {
            at++;
            put(DOT, ":");
        }
    }

    private void punctuation(char c) {
        switch (c) {
            case '(', '[', '{' -> one(OPEN, c);
            case ')' -> {
                one(CLOSE, c);
                foldGroup();
            }
            case ']', '}' -> one(CLOSE, c);
            case ',' -> one(COMMA, c);
            case ';' -> one(SEMICOLON, c);
            case '.' -> one(DOT, c);
            default -> operator();
        }
    }

    private void one(byte kind, char c) {
        at++;
        put(kind, String.valueOf(c));
    }

    /** As far as it goes; a sign at its end is one of its own, by PostgreSQL's rule. */
    private void operator() {
        int i = at;
        boolean special = false;
        while (i < end && i - at < 16 && isOperator(sql.charAt(i))) {
            char c = sql.charAt(i);
            if (c == '-' && is(i + 1, '-')
                    || c == '/' && is(i + 1, '*')
                    || i > at && (c == '@' && startsWord(i) || beginsComment(i))) {
                if (i == at) {
                    i++;
                }
                break;
            }
            special |= "~!@#%^&|".indexOf(c) >= 0;
            i++;
        }
        i = Math.max(i, at + 1);
        char ending = sql.charAt(i - 1);
        if (i - at > 1 && (ending == '-' || ending == '+') && !special) {
            i--;
        }
        put(OPERATOR, sql.substring(at, i));
        at = i;
    }

    /** Whether a comment of some databases may begin here, behind another sign. */
    private boolean beginsComment(int index) {
        return is(index, '#') && (reading == 0 || (reading & HASH_COMMENTS) != 0)
                || is(index, '/') && is(index + 1, '/') && (reading == 0 || (reading & SLASH_COMMENTS) != 0);
    }

    /** {@code (?), (?)} is {@code (?)}: rows of values that are alike are one. */
    private void foldGroup() {
        int depth = 0;
        int open = tokens - 1;
        for (; open >= 0; open--) {
            depth += kinds[open] == CLOSE ? 1 : kinds[open] == OPEN ? -1 : 0;
            if (depth == 0) {
                break;
            }
        }
        if (open < 2 || kinds[open - 1] != COMMA || kinds[open - 2] != CLOSE) {
            return;
        }
        int begin = starts[open];
        int length = out.length() - begin;
        int former = starts[open - 1] - length;
        if (former < 0) {
            return;
        }
        for (int i = 0; i < length; i++) {
            if (out.charAt(former + i) != out.charAt(begin + i)) {
                return;
            }
        }
        while (tokens > open - 1) {
            drop();
        }
    }

    // Putting out

    private void put(byte kind, String text) {
        if (tokens > 0 && isApart(last(), kind, text.charAt(0))) {
            out.append(' ');
        }
        if (tokens == kinds.length) {
            kinds = Arrays.copyOf(kinds, tokens * 2);
            starts = Arrays.copyOf(starts, tokens * 2);
        }
        kinds[tokens] = kind;
        starts[tokens++] = out.length();
        out.append(text);
    }

    private static boolean isApart(byte before, byte kind, char first) {
        if (before == OPEN || before == DOT || kind == COMMA || kind == CLOSE || kind == DOT || kind == SEMICOLON) {
            return false;
        }
        if (kind == OPEN && first != '{') {
            return before != CLOSE && before != WORD;
        }
        return true;
    }

    private byte last() {
        return kinds[tokens - 1];
    }

    private void drop() {
        int length = starts[--tokens];
        if (length > 0 && out.charAt(length - 1) == ' ') {
            length--;
        }
        out.setLength(length);
    }

    // Characters

    private boolean is(int index, char c) {
        return index < end && sql.charAt(index) == c;
    }

    private char peek(int index) {
        return index < end ? sql.charAt(index) : 0;
    }

    /** Whether a name, or what can stand for one, ends right here. */
    private boolean isAdjacentName() {
        if (tokens == 0 || at == 0) {
            return false;
        }
        char before = sql.charAt(at - 1);
        return !isBlank(before) && (last() == WORD || last() == CLOSE || last() == LITERAL);
    }

    private boolean startsWord(int index) {
        char c = peek(index);
        if (c == '@' || c == '#') {
            c = peek(is(index + 1, c) ? index + 2 : index + 1);
        }
        return isInWord(c) && !isDigit(c) && c != '$';
    }

    private static boolean isInWord(char c) {
        return c >= 'a' && c <= 'z'
                || c >= 'A' && c <= 'Z'
                || isDigit(c)
                || c == '_'
                || c == '$'
                || c > 0x7f && !isBlank(c);
    }

    private static boolean isOperator(char c) {
        return !isInWord(c) && !isBlank(c) && "'\"`()[]{},;.?:".indexOf(c) < 0;
    }

    /** What any database takes for one: controls and marks that nobody sees (a byte order mark, say) are some's. */
    private static boolean isBlank(char c) {
        return c <= ' ' || c == 0x7f || c > 0x7f && isBlankType(Character.getType(c));
    }

    private static boolean isBlankType(int type) {
        return type == Character.SPACE_SEPARATOR
                || type == Character.LINE_SEPARATOR
                || type == Character.PARAGRAPH_SEPARATOR
                || type == Character.CONTROL
                || type == Character.FORMAT;
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
