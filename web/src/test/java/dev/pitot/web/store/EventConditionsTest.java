package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EventConditionsTest {
    @Test
    void conditionsAreSeparatedByCommasThatAreNotInQuotes() throws Exception {
        assertThat(EventConditions.parse("").fields()).isEmpty();
        assertThat(EventConditions.parse("a=\"x, b=1\", c.d>=2MB").fields()).containsExactly("a", "c");
    }

    @Test
    void nothingThatIsWrittenBecomesAPartOfTheStatement() throws Exception {
        assertThat(EventConditions.parse("a=\"');drop table event--\",b~'gherkin'")
                        .sql())
                .doesNotContain("drop")
                .doesNotContain("gherkin")
                .isEqualTo(EventConditions.parse("c=1,d~2").sql());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            =1             | begins with the name of a field
            a              | is missing in 'a'
            a=             | value is missing
            a>x            | compares numbers
            a>5parsec      | 'parsec' is no unit
            a="x           | no second one
            a=1,           | ends with a comma
            a b=1          | is missing in 'a b=1'
            """)
    void whatCannotBeUnderstoodIsASentence(String where, String sentence) {
        assertThatThrownBy(() -> EventConditions.parse(where)).hasMessageContaining(sentence);
    }

    @Test
    void aQuestionIsBounded() {
        assertThatThrownBy(() -> EventConditions.parse("a=1,".repeat(10) + "a=1"))
                .hasMessageContaining("10 conditions");
        assertThatThrownBy(() -> EventConditions.parse("a=" + "x".repeat(1000)))
                .hasMessageContaining("1000 characters");
    }
}
