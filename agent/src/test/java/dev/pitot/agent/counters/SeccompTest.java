package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SeccompTest {
    private static final String ALL = "000001ffffffffff";
    /** What Docker gives a container. */
    private static final String USUAL = "00000000a80425fb";

    private static final String WITH_PERFMON = "00000040a80425fb";
    private static final String WITH_SYS_ADMIN = "00000000a82425fb";

    private static String status(String mode, String filters, String bounding) {
        return "Name:\tjava\nCapBnd:\t" + bounding + "\nSeccomp:\t" + mode
                + (filters.isEmpty() ? "" : "\nSeccomp_filters:\t" + filters)
                + "\nSpeculation_Store_Bypass:\tvulnerable\n";
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "no filter,                              0, 0,  0, 0,  false, " + ALL + ", true",
        "a service under systemd's filter,       2, 3,  0, 0,  false, " + ALL + ", false",
        "a container as it usually is,           2, 1,  2, 1,  true,  " + USUAL + ", false",
        "a container with CAP_PERFMON,           2, 1,  2, 1,  true,  " + WITH_PERFMON + ", true",
        "a container with CAP_SYS_ADMIN,         2, 1,  2, 1,  true,  " + WITH_SYS_ADMIN + ", true",
        "systemd inside such a container,        2, 4,  2, 1,  true,  " + WITH_PERFMON + ", false",
        "a filter inside a privileged container, 2, 1,  0, 0,  true,  " + ALL + ", false",
        "an old kernel in a container,           2, '', 2, '', true,  " + WITH_PERFMON + ", true",
        "an old kernel and a privileged one,     2, '', 0, '', true,  " + ALL + ", false",
        "strict mode,                            1, 0,  0, 0,  true,  " + ALL + ", false",
    })
    void perfIsCalledOnlyWhereNoFilterCanKillForIt(
            String where,
            String mode,
            String filters,
            String firstMode,
            String firstFilters,
            boolean container,
            String bounding,
            boolean called) {
        Refusal objection = new Seccomp(
                        status(mode, filters, bounding), status(firstMode, firstFilters, bounding), container)
                .objection();
        assertThat(objection == null).as(where).isEqualTo(called);
        if (objection != null) {
            assertThat(objection.reason()).contains("seccomp filter").doesNotEndWith(".");
            assertThat(objection.remedy()).contains("counters=perf");
        }
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    void whatCannotBeReadIsNotTried(boolean container) {
        assertThat(new Seccomp(null, null, container).objection()).isNotNull();
        assertThat(new Seccomp("Name:\tjava\n", null, container).objection()).isNull();
    }
}
