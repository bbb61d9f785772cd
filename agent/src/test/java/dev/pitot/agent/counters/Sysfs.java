package dev.pitot.agent.counters;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Folders like /sys/bus/event_source/devices of real machines, shortened: a path and what the file says on each line. */
final class Sysfs {
    /** Linux 6.1: top-down metrics, a memory controller in two channels, a power meter. */
    static final String ICE_LAKE = """
            breakpoint/type 5
            software/type 1
            tracepoint/type 2
            cpu/type 4
            cpu/format/event config:0-7
            cpu/format/umask config:8-15
            cpu/format/edge config:18
            cpu/format/inv config:23
            cpu/format/cmask config:24-31
            cpu/format/ldlat config1:0-15
            cpu/format/offcore_rsp config1:0-63
            cpu/format/frontend config1:0-23
            cpu/events/branch-instructions event=0xc4
            cpu/events/branch-misses event=0xc5
            cpu/events/cpu-cycles event=0x3c
            cpu/events/instructions event=0xc0
            cpu/events/ref-cycles event=0x00,umask=0x03
            cpu/events/mem-loads event=0xcd,umask=0x1,ldlat=3
            cpu/events/mem-stores event=0xd0,umask=0x82
            cpu/events/slots event=0x00,umask=0x4
            cpu/events/topdown-bad-spec event=0x00,umask=0x81
            cpu/events/topdown-be-bound event=0x00,umask=0x83
            cpu/events/topdown-fe-bound event=0x00,umask=0x82
            cpu/events/topdown-retiring event=0x00,umask=0x80
            msr/type 11
            msr/format/event config:0-63
            msr/events/tsc event=0x00
            power/type 12
            power/cpumask 0
            power/format/event config:0-7
            power/events/energy-pkg event=0x02
            power/events/energy-pkg.scale 2.3283064365386962890625e-10
            power/events/energy-pkg.unit Joules
            uncore_imc_0/type 13
            uncore_imc_0/cpumask 0,28
            uncore_imc_0/format/event config:0-7
            uncore_imc_0/format/umask config:8-15
            uncore_imc_0/events/cas_count_read event=0x04,umask=0x0f
            uncore_imc_0/events/cas_count_read.scale 6.103515625e-5
            uncore_imc_0/events/cas_count_read.unit MiB
            uncore_imc_1/type 14
            uncore_imc_1/cpumask 0,28
            uncore_imc_1/format/event config:0-7
            uncore_imc_1/format/umask config:8-15
            uncore_imc_1/events/cas_count_read event=0x04,umask=0x0f
            uncore_imc_1/events/cas_count_read.scale 6.103515625e-5
            uncore_imc_1/events/cas_count_read.unit MiB
            """;

    /** Skylake: the older top-down events, ordinary ones with a scale. */
    static final String SKYLAKE = """
            cpu/type 4
            cpu/format/event config:0-7
            cpu/format/umask config:8-15
            cpu/format/any config:21
            cpu/format/cmask config:24-31
            cpu/events/topdown-total-slots event=0x3c,umask=0x0,any=1
            cpu/events/topdown-total-slots.scale 2
            cpu/events/topdown-fetch-bubbles event=0x9c,umask=0x1
            cpu/events/topdown-recovery-bubbles event=0xd,umask=0x3,cmask=1,any=1
            cpu/events/topdown-recovery-bubbles.scale 2
            """;

    /** Alder Lake. */
    static final String HYBRID = """
            cpu_core/type 4
            cpu_core/cpus 0-15
            cpu_core/format/event config:0-7
            cpu_core/format/umask config:8-15
            cpu_core/events/slots event=0x00,umask=0x4
            cpu_core/events/topdown-retiring event=0x00,umask=0x80
            cpu_core/events/mem-stores event=0xcd,umask=0x2
            cpu_atom/type 10
            cpu_atom/cpus 16-23
            cpu_atom/format/event config:0-7
            cpu_atom/format/umask config:8-15
            cpu_atom/events/topdown-retiring event=0xc2,umask=0x0
            cpu_atom/events/mem-stores event=0xd0,umask=0x6
            """;

    static final String ZEN = """
            cpu/type 4
            cpu/format/event config:0-7,32-35
            cpu/format/umask config:8-15
            cpu/format/edge config:18
            cpu/format/inv config:23
            cpu/format/cmask config:24-31
            cpu/events/cpu-cycles event=0x76
            cpu/events/stalled-cycles-frontend event=0xa9
            amd_l3/type 10
            amd_l3/cpumask 0
            amd_l3/format/event config:0-7
            amd_l3/format/umask config:8-15
            """;

    static final String NEOVERSE = """
            armv8_pmuv3_0/type 8
            armv8_pmuv3_0/cpus 0-3
            armv8_pmuv3_0/format/event config:0-15
            armv8_pmuv3_0/format/long config1:0
            armv8_pmuv3_0/format/threshold config3:0-11
            armv8_pmuv3_0/events/cpu_cycles event=0x0011
            armv8_pmuv3_0/events/l1d_cache_refill event=0x0003
            armv8_pmuv3_0/events/stall_backend event=0x0024
            """;

    static final String NO_PMU = """
            breakpoint/type 5
            msr/type 9
            msr/format/event config:0-63
            msr/events/tsc event=0x00
            software/type 1
            """;

    private Sysfs() {}

    /** Writes a machine into a folder. */
    static Path write(String machine, Path folder) throws IOException {
        for (String line : machine.lines().toList()) {
            int blank = line.indexOf(' ');
            Path file = folder.resolve(line.substring(0, blank));
            Files.createDirectories(file.getParent());
            Files.writeString(file, line.substring(blank + 1) + "\n");
        }
        return folder;
    }
}
