package dev.pitot.agent.samplers.host;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Sensors of the CPUs: those of the hwmon drivers that are known to be on the chip, see the kernel's hwmon/sysfs-interface,
 * else thermal zones of that kind. Others are never touched: reading some wakes a disk, or takes a bus for milliseconds.
 * Not thread-safe.
 */
final class CpuTemperatures {
    private static final int LIMIT = 256;
    private static final int MOST_FOLDERS = 128;
    private static final double MILLIDEGREE = 0.001;

    /** Of each CPU the place of its core's sensor in the rotation, or -1. */
    private final int[] places;

    private final Rotation sensors;

    CpuTemperatures(HostRoots roots, Text text) {
        List<String> paths = new ArrayList<>();
        // For each of the paths the package and core that it is of; a core of -1 when it is of none.
        List<long[]> cores = new ArrayList<>();
        for (String folder : folders(roots.sys() + "/class/hwmon/")) {
            String driver = line(folder + "name", text);
            if (driver != null && isOfCpu(driver)) {
                addSensors(folder, paths, cores, text);
            }
        }
        if (paths.isEmpty()) {
            for (String folder : folders(roots.sys() + "/class/thermal/")) {
                String type = line(folder + "type", text);
                // Cooling devices have a type too, Processor say, and no temperature.
                if (type != null && folder.contains("/thermal_zone") && isZoneOfCpu(type.toLowerCase(Locale.ROOT))) {
                    paths.add(folder + "temp");
                }
            }
        }
        sensors = new Rotation(paths, MILLIDEGREE, text);
        places = placesOfCpus(roots, cores, text);
    }

    /** Reads some; once a second. */
    void sample() {
        sensors.sample();
    }

    /** Of one CPU's core in degrees Celsius, or NaN. */
    double of(int cpu) {
        return cpu < places.length && places[cpu] >= 0 ? sensors.get(places[cpu]) : Double.NaN;
    }

    /** Of the hottest sensor, or NaN. */
    double hottest() {
        double hottest = Double.NaN;
        for (int i = 0; i < sensors.size(); i++) {
            double degrees = sensors.get(i);
            if (degrees > hottest || Double.isNaN(hottest)) {
                hottest = degrees;
            }
        }
        return hottest;
    }

    /** The folders in a folder, with a slash at their ends; none when it is not there. */
    private static List<String> folders(String parent) {
        List<String> folders = new ArrayList<>();
        String[] names = new File(parent).list();
        if (names != null) {
            Arrays.sort(names);
            for (int i = 0; i < Math.min(names.length, MOST_FOLDERS); i++) {
                folders.add(parent + names[i] + "/");
            }
        }
        return folders;
    }

    private static boolean isOfCpu(String driver) {
        return driver.equals("coretemp")
                || driver.equals("k10temp")
                || driver.equals("k8temp")
                || driver.equals("zenpower")
                || driver.equals("cpu_thermal")
                || driver.equals("via_cputemp");
    }

    private static boolean isZoneOfCpu(String type) {
        return type.equals("x86_pkg_temp") || type.contains("cpu") || type.contains("soc");
    }

    private static void addSensors(String folder, List<String> paths, List<long[]> cores, Text text) {
        String[] files = new File(folder).list();
        if (files == null) {
            return;
        }
        Arrays.sort(files);
        long ofPackage = 0;
        boolean trueOne = false;
        List<String> labels = new ArrayList<>();
        List<String> inputs = new ArrayList<>();
        for (String file : files) {
            if (!file.startsWith("temp") || !file.endsWith("_input")) {
                continue;
            }
            String label = line(folder + file.substring(0, file.length() - "input".length()) + "label", text);
            String known = label == null ? "" : label;
            if (known.startsWith("Package id ") || known.startsWith("Physical id ")) {
                ofPackage = number(known);
            }
            trueOne |= known.equals("Tdie");
            labels.add(known);
            inputs.add(folder + file);
        }
        for (int i = 0; i < inputs.size() && paths.size() < LIMIT; i++) {
            String label = labels.get(i);
            // AMD's Tctl has an offset on some chips; these show the true one too.
            if (trueOne && label.equals("Tctl")) {
                continue;
            }
            paths.add(inputs.get(i));
            cores.add(new long[] {ofPackage, label.startsWith("Core ") ? number(label) : -1});
        }
    }

    /** From the topology: what a sensor calls a core is its number within a package, and has one CPU or more. */
    private static int[] placesOfCpus(HostRoots roots, List<long[]> cores, Text text) {
        int[] places = new int[CpuFrequencies.MOST_CPUS];
        Arrays.fill(places, -1);
        boolean any = false;
        for (long[] core : cores) {
            any |= core[1] >= 0;
        }
        for (int cpu = 0; any && cpu < places.length; cpu++) {
            String folder = roots.sys() + "/devices/system/cpu/cpu" + cpu;
            if (!new File(folder).isDirectory()) {
                break;
            }
            String topology = folder + "/topology/";
            long core = once(topology + "core_id", text);
            if (core == Long.MIN_VALUE) {
                continue;
            }
            long ofPackage = once(topology + "physical_package_id", text);
            for (int i = 0; i < cores.size(); i++) {
                if (cores.get(i)[1] == core && cores.get(i)[0] == ofPackage) {
                    places[cpu] = i;
                }
            }
        }
        return places;
    }

    private static long once(String path, Text text) {
        ProcFile file = new ProcFile(path);
        long number = file.number(text);
        file.close();
        return number;
    }

    private static @Nullable String line(String path, Text text) {
        ProcFile file = new ProcFile(path);
        String line = file.read(text) ? text.restOfLine() : null;
        file.close();
        return line;
    }

    /** The number at the end of a label, "Core 12" say; -1 without. */
    private static long number(String label) {
        try {
            return Long.parseLong(label.substring(label.lastIndexOf(' ') + 1));
        } catch (NumberFormatException other) {
            return -1;
        }
    }
}
