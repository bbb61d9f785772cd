package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SqlTextTest {
    private static final int POSTGRES = SqlText.readingOf("org.postgresql.jdbc.PgStatement");
    private static final int MYSQL = SqlText.readingOf("com.mysql.cj.jdbc.StatementImpl");
    private static final int SQL_SERVER = SqlText.readingOf("com.microsoft.sqlserver.jdbc.SQLServerStatement");
    private static final int UNKNOWN = SqlText.readingOf("com.example.Statement");

    /** Separated by bars, as SQL has every other character; a backslash and n is a line's end. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '\u00a6',
            ignoreLeadingAndTrailingWhitespace = true,
            quoteCharacter = '\u00a7',
            value = {
                "select * from t where id = 4711 ¦ select * from t where id = ?",
                "select*from t where id=4711; ¦ select * from t where id = ?",
                "select a1, b_2, \"c 3\" from t1 ¦ select a1, b_2, \"c 3\" from t1",
                "select 'it''s', E'it\\'s', N'x', X'1F', B'01', U&'\\0041', 0x1F, 1.5e-10, .5, 1_000 ¦ select ?",
                "where d = date '2020-01-01' and t = {ts '2020-01-01'} ¦ where d = date ? and t = {ts ?}",
                "where b = true and c is null ¦ where b = true and c is null",
                "where x in (1, 2, 3) and y in ('a','b') ¦ where x in (?) and y in (?)",
                "where x in(?,?,?) ¦ where x in (?)",
                "insert into t(a, b) values (?, ?), (?, ?), (?,?) ¦ insert into t(a, b) values (?)",
                "insert into t(a, b) values (1, now()), (2, now()) ¦ insert into t(a, b) values (?, now())",
                "where (a, b) in ((1, 2), (3, 4)) ¦ where (a, b) in ((?))",
                "where q = q'[it's]' or n = nq'{x}' or m = 7 ¦ where q = ? or n = ? or m = ?",
                "do $body$ begin x := 'y'; end $body$ ¦ do ?",
                "do $$ 'x' $$ ¦ do ?",
                "select sys$x$y, $1, :name, :1, @p1, @@version ¦ select sys$x$y, $1, :name, :1, @p1, @@version",
                "select a[1:25], b[i:3], c::int4, d :: text ¦ select a[?:?], b[i:?], c::int4, d::text",
                "select 1 /* a /* b */ c */ + 2 -- d ¦ select ? + ?",
                "select /*+ index(t i) */ a /* 'x */ from t ¦ select a from t",
                "select a -- it's\\nfrom t where n = 'x' ¦ select a from t where n = ?",
                "where data ? 'key' and data ?? 'key' and data ?| array['a','b'] ¦ where data ? ? and data ?? ? and data ?| array[?]",
                "where data->>'name' = 'x' and d @> '{}' and e #>> '{a}' = 'b' ¦ where data ->> ? = ? and d @> ? and e #>> ? = ?",
                "where a = -5 and b =-5 and c - 5 > 0 and d between -1 and -2 ¦ where a = ? and b = ? and c - ? > ? and d between ? and ?",
                "select 'a'\\n'b' ¦ select ?",
                "where name = 'Smith ¦ where name = ?",
                "where name = $a$Smith ¦ where name = ?",
                "where \"name = 'Smith ¦ where ?",
                "select a /* Smith ¦ select a",
                "where p = 'C:\\' and name = 'Smith' ¦ where p = ?",
                "{call f(1, 'x')} ¦ {call f(?)}",
                "count( * ) ¦ count(*)",
                "a#5 ¦ a # ?",
            })
    void literalsAreReplacedAndTheRestStays(String sql, String text) {
        assertThat(SqlText.normalised(sql.replace("\\n", "\n"), POSTGRES)).isEqualTo(text);
    }

    @Test
    void whatDatabasesReadInDifferentWaysIsReadAsTheOneAtHandDoes() {
        assertThat(SqlText.normalised("select a from \"t\" where b = \"Smith\"", POSTGRES))
                .isEqualTo("select a from \"t\" where b = \"Smith\"");
        assertThat(SqlText.normalised("select a from `t-1` where b = \"Smith\" # Mr. Smith's\nand c = 5--3", MYSQL))
                .isEqualTo("select a from `t-1` where b = ? and c = ? - ?");
        assertThat(SqlText.normalised("select [it's], [a]]1] from #t where m = $5.00 and n = N'Smith'", SQL_SERVER))
                .isEqualTo("select [it's], [a]]1] from #t where m = ? and n = ?");
        assertThat(SqlText.normalised("select a from t where b = \"Smith\" # Mr. Smith", UNKNOWN))
                .isEqualTo("select a from t where b = ?");
        assertThat(SqlText.normalised("select a # 3, b from t", POSTGRES)).isEqualTo("select a # ?, b from t");
    }

    @Test
    void nothingOfALiteralSurvivesAndStatementsThatDifferOnlyInLiteralsBlanksAndCommentsAreOne() {
        Random random = new Random(11);
        for (int round = 0; round < 4_000; round++) {
            long shape = random.nextLong();
            String one = statement(new Random(shape), random);
            String two = statement(new Random(shape), random);
            for (int reading : new int[] {POSTGRES, SQL_SERVER, UNKNOWN}) {
                if (reading != POSTGRES) {
                    // Of others it is not known that a backslash escapes the quote.
                    one = one.replace("\\'Smith'", "'");
                    two = two.replace("\\'Smith'", "'");
                }
                String text = SqlText.normalised(one, reading);
                assertThat(text.toLowerCase()).as(one).doesNotContain("smith").doesNotContain("77");
                assertThat(SqlText.normalised(two, reading))
                        .as(one + "\n" + two)
                        .isEqualTo(text);
                assertThat(SqlText.normalised(text, reading)).as(one).isEqualTo(text);
            }
        }
    }

    /** @param shape what two statements have in common */
    private static String statement(Random shape, Random free) {
        String[] columns = {"a", "b1", "t.c_2", "\u00e4", "f ( a )", "a::text"};
        StringBuilder sql = new StringBuilder("select a,b1").append(blank(free)).append("from t where ");
        int conditions = 1 + shape.nextInt(4);
        for (int i = 0; i < conditions; i++) {
            sql.append(i == 0 ? "" : blank(free) + "and" + blank(free)).append(columns[shape.nextInt(columns.length)]);
            switch (shape.nextInt(4)) {
                case 0 ->
                    sql.append(maybe(free)).append('=').append(maybe(free)).append(literal(free));
                case 1 ->
                    sql.append(blank(free)).append("in").append(maybe(free)).append(list(free));
                case 2 ->
                    sql.append(blank(free))
                            .append("between ")
                            .append(literal(free))
                            .append(" and ")
                            .append(literal(free));
                default ->
                    sql.append(" > ")
                            .append(literal(free))
                            .append(maybe(free))
                            .append("+ ")
                            .append(literal(free));
            }
        }
        return sql.append(shape.nextBoolean() ? " limit " + free.nextInt(100) : "")
                .toString();
    }

    private static String list(Random random) {
        List<String> literals = new ArrayList<>();
        for (int i = random.nextInt(5); i >= 0; i--) {
            literals.add(literal(random));
        }
        return "(" + maybe(random) + String.join("," + maybe(random), literals) + maybe(random) + ")";
    }

    private static String blank(Random random) {
        String[] blanks = {
            " ", "\n", "\t  ", " /* Smith's 77 */ ", " -- Smith's 77\n", "/**/", " /* a /* Smith */ b */ "
        };
        return blanks[random.nextInt(blanks.length)];
    }

    private static String maybe(Random random) {
        return random.nextBoolean() ? "" : blank(random);
    }

    private static String literal(Random random) {
        String text = new String[] {
                    "Smith", "Smith''s", "a Smith; -- ", "/* Smith", "$x$ Smith", "[Smith", "\"Smith", "77 ?", ":Smith"
                }
                [random.nextInt(9)];
        return switch (random.nextInt(9)) {
            case 0 -> "77" + random.nextInt(1000);
            case 1 -> "-77." + random.nextInt(1000) + "e-77";
            case 2 -> "E'" + text + "\\'Smith'";
            case 3 -> "N'" + text + "'";
            case 4 -> "$tag$" + text.replace('\'', 'x') + "'$tag$";
            case 5 -> "q'[" + text + "'\"]'";
            case 6 -> "?";
            case 7 -> "0x77AF";
            default -> "'" + text + "'";
        };
    }

    /** Fragments of statements by driver; {@code §} stands for what must not be seen, and what has no end comes last ({@code !}). */
    private static final Map<String, String[]> FRAGMENTS = Map.of(
            "org.postgresql.jdbc.PgStatement",
            new String[] {
                "a = E'it\\'s §\\\\'",
                "a = $$ '§ $a$ §$$",
                "a = $t$ $$ § ' $t$",
                "a ? '§' and b ?| array['§', '§']",
                "a ?? '§'",
                "a = 'x'\n '§'",
                "a = U&'\\0041§' uescape '!'",
                "a = b'01' or a = x'1F77'",
                "/* § /* ' */ \" */ a = '§'",
                "-- §'s\n a = '§'",
                "-- §\r\n a = '§'",
                "-- a\r'b\n a = '§'",
                "a = '§'::text",
                "a = date'2020 §'",
                "a[77:77] = 1e-77",
                "a->>'§' = '§'",
                "a @> '{\"§\": 77}'",
                "a # 77 > -77.5e+77",
                "a in (77, '§', null)",
                "a = 'C:\\' or b = '§'",
                "a = interval '77 §'",
                "(a, b) in (values ('§', 77), ('§', 78))",
                "a = '§'''",
                "a = ''",
                "a = ` or b = '§' or c = `",
                "a = q '§'",
                "a is distinct from '§'",
                "/* a /* */ \" */ ' */ a = '§'",
                "!a = 'unterminated §"
            },
            "com.mysql.cj.jdbc.StatementImpl",
            new String[] {
                "a = \"§\"",
                "a = \"it's §\"",
                "a = 'say \"§'",
                "`b'` = '§'",
                "# §'s\n a = '§'",
                "#'\n a = '§'",
                "-- §'s\n a = '§'",
                "a = 5--77 and b = '§'",
                "a = _utf8mb4'§'",
                "a = _latin1 X'77'",
                "a = n'§'",
                "/*! '§' */ a = '§'",
                "a = @'§'",
                "a = 0x77 or a = 0b01",
                "a = \"§\"\"§\"",
                "/* a /* b */ a = 'k */ §'",
                "a = 'a' '§' \"§\"",
                "a = '\\\\' or b = '§'",
                "# a\r'b\n a = '§'",
                "a = 5 +#'\n 6 and b = '§'",
                "a ||# \"\n b = '§'",
                "a = \ufeff77 or a = \u0085-77.5",
                "!a = '§\\"
            },
            "oracle.jdbc.driver.OracleStatementWrapper",
            new String[] {
                "a = q'[it's §]'",
                "a = Q'{§'}'",
                "a = nq'<§'>'",
                "a = q'!§'§!'",
                "a = q'\"§'\"'",
                "a = N'§'",
                "\"b'\" = '§'",
                "a = date '2020-01-77'",
                "a = timestamp '§'",
                "a = 77.5f or a = .77d",
                "/* a /* b */ a = 'k */ §'",
                "/*+ index(§) */ a = '§'",
                "identified by \"§\"",
                "identified by §",
                "identified by values '§'",
                "IDENTIFIED  BY /* */ § replace §"
            },
            "com.microsoft.sqlserver.jdbc.SQLServerStatement",
            new String[] {
                "[it's] = '§'",
                "[a]]'] = N'§'",
                "a = $77.00",
                "a = \u00a377",
                "a = \u20ac77.5",
                "a = 0x77",
                "\"b'\" = '§'",
                "#t.a = '§'",
                "/* /* § */ ' */ a = '§'",
                "a = {ts '2020 §'}",
                "@p1 = '§'",
                "a = 'it''s §'"
            },
            "org.h2.jdbc.JdbcStatement",
            new String[] {
                "// §'s\n a = '§'",
                "a = $$§'$$",
                "a = 5 // §\n",
                "a = X'77'",
                "a = '§'",
                "password \"§\"",
                "a / b = '§'",
                "a *//'\n b = '§'",
                "a = E'\\' or b = '§'"
            },
            "org.sqlite.jdbc4.JDBC4Statement",
            new String[] {"[it's] = '§'", "a = \"§\"", "`b'` = '§'", "a = x'77'", "a glob '§'", "!/* §"},
            "com.example.Statement",
            new String[] {
                "a = \"§\"",
                "#it's\n a = '§'",
                "--it's\n a = '§'",
                "//it's\n a = '§'",
                "a = '''it's §'''",
                "a = \"\"\"§\"\"\"",
                "a = r'C:\\' or b = '§'",
                "#t.a = '§'",
                "a = 5--77\n",
                "b# it's\n = '§'",
                "b# §\n = 5",
                "b # 5 = '\n§'",
                "b # 5 = $$\n§$$",
                "b#it's\n = '§'",
                "a +#it's\n b = '§'",
                "a *//it's\n b = '§'",
                "a = E'\\' or b = '§'"
            });

    @Test
    void whateverStandsBesideItNoLiteralOfAnyDialectIsInTheText() {
        Random random = new Random(17);
        for (int round = 0; round < 2_500; round++) {
            for (Map.Entry<String, String[]> dialect : FRAGMENTS.entrySet()) {
                StringBuilder sql = new StringBuilder("select a from t where ");
                for (int i = random.nextInt(4); i >= 0; i--) {
                    String[] fragments = dialect.getValue();
                    String next = fragments[random.nextInt(fragments.length)];
                    sql.append(next.startsWith("!") ? next.substring(1) : next).append(" and ");
                    if (next.startsWith("!")) {
                        sql.setLength(sql.length() - " and ".length());
                        break;
                    }
                }
                String secret = "Sm" + (char) ('a' + random.nextInt(26)) + "th" + random.nextInt(1000);
                String text =
                        SqlText.normalised(sql.toString().replace("§", secret), SqlText.readingOf(dialect.getKey()));
                if (text.contains("Sm") || text.contains("77")) {
                    fail(sql + "\n" + text);
                }
            }
        }
    }

    @Test
    void anyTextAtAllIsReadToItsEnd() {
        Random random = new Random(5);
        String alphabet = "'\"`$-/*[](){}?:;,.@#\\qQeE nN1a _\n\u00e4\ud83d\ude00|=+";
        for (int round = 0; round < 20_000; round++) {
            StringBuilder sql = new StringBuilder();
            for (int i = random.nextInt(40); i >= 0; i--) {
                sql.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            String text = SqlText.normalised(sql.toString(), random.nextInt(16));
            assertThat(text.length()).isLessThanOrEqualTo(sql.length() * 3 + 2);
        }
    }

    @Test
    void longTextsAreBoundedAndTheirListsAreStillOne() {
        String insert = "insert into t values " + "('Smith', 77), ".repeat(100_000);
        assertThat(SqlText.normalised(insert, POSTGRES)).isEqualTo("insert into t values …");
        assertThat(SqlText.normalised("x" + insert.substring(1) + "(1)", POSTGRES))
                .isEqualTo("xnsert into t values …");
        assertThat(SqlText.normalised("a" + insert, POSTGRES)).isEqualTo("ainsert into t values …");
        String columns = "select " + "a, ".repeat(100_000) + "b";
        assertThat(SqlText.normalised(columns, POSTGRES))
                .hasSize(SqlText.MAX_LENGTH)
                .startsWith("select a, a, ");
        assertThat(SqlText.normalised("\"" + "a".repeat(1_000_000) + "\"", POSTGRES))
                .hasSizeLessThanOrEqualTo(SqlText.MAX_LENGTH);
        assertThat(SqlText.normalised("select " + "a".repeat(1992) + "\ud83d\ude00", POSTGRES))
                .as("no half of a character")
                .isEqualTo("select " + "a".repeat(1992));
        for (String hostile : new String[] {
            "/*", "/**/ /*", "(", ")", "(?),", "$a", "$a$", "'\\'", "q'[", "E'", "((?),(", "-", "\"", "1e-", "@"
        }) {
            assertThat(SqlText.normalised(hostile.repeat(200_000), POSTGRES))
                    .hasSizeLessThanOrEqualTo(SqlText.MAX_LENGTH);
        }
    }

    /** Those of the reference implementation for ASCII, where a code unit is an octet. */
    @Test
    void theHashIsFnv1aOf64Bits() {
        assertThat(SqlText.hash("")).isEqualTo("cbf29ce484222325");
        assertThat(SqlText.hash("a")).isEqualTo("af63dc4c8601ec8c");
        assertThat(SqlText.hash("foobar")).isEqualTo("85944171f73967e8");
        assertThat(SqlText.hash("\u20ac")).isEqualTo(Long.toHexString((0xcbf29ce484222325L ^ 0x20ac) * 0x100000001b3L));
    }
}
