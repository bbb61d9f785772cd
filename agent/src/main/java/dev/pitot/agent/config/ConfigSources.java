package dev.pitot.agent.config;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * Reads an {@link AgentConfig} from agent arguments, system properties, environment and file, in that precedence. Runs on the
 * application's main thread before {@code main}, so it uses neither regular expressions nor lambdas, which would cost
 * milliseconds of class loading there.
 */
public final class ConfigSources {
    private static final String[] KEYS = {
        "enabled",
        "config",
        "collector",
        "token",
        "token-file",
        "service",
        "labels",
        "recording.max-size",
        "recording.max-age",
        "counters",
        "counters.host",
        "counters.threads",
        "host",
        "host.cores",
        "http",
        "http.slow",
        "http.events",
        "http.headers",
        "http.mask",
        "http.query",
        "http.routes",
        "sql",
        "sql.slow",
        "sql.events",
        "sql.literals",
        "sql.statements",
        "calls",
        "calls.slow",
        "calls.events",
        "calls.targets",
        "follow",
        "waits",
        "log",
        "budget"
    };
    private static final int MAX_LABELS = 16;
    private static final CollectorAddress LOCAL = new CollectorAddress(false, "127.0.0.1", 7070, "");

    /** A value and where it came from, in words that complete "... in". */
    private record Setting(String value, String source) {}

    private final Map<String, Setting> settings = new LinkedHashMap<>();

    private ConfigSources() {}

    /**
     * Reads and checks all sources.
     *
     * @param args the text after {@code -javaagent:jar=}, or null
     * @param properties the JVM's system properties
     * @param environment the environment variables
     * @throws ConfigException names the first key or value that is refused, its source and the nearest known key
     */
    public static AgentConfig read(@Nullable String args, Properties properties, Map<String, String> environment)
            throws ConfigException {
        ConfigSources sources = new ConfigSources();
        // The switch is honoured before anything is refused: what is switched off must not complain.
        ConfigException refused = null;
        try {
            sources.addArguments(args);
        } catch (ConfigException e) {
            refused = e;
        }
        try {
            sources.addProperties(properties);
        } catch (ConfigException e) {
            refused = refused == null ? e : refused;
        }
        try {
            sources.addEnvironment(environment);
        } catch (ConfigException e) {
            refused = refused == null ? e : refused;
        }
        try {
            sources.addFile();
        } catch (ConfigException e) {
            refused = refused == null ? e : refused;
        }
        Setting enabled = sources.settings.get("enabled");
        boolean isOff = enabled != null && enabled.value.equalsIgnoreCase("false");
        if (refused != null && !isOff) {
            throw refused;
        }
        return isOff ? sources.switchedOff() : sources.build(properties);
    }

    private void put(String key, String value, String source) {
        // Sources are read in order of precedence.
        settings.putIfAbsent(key, new Setting(value.strip(), source));
    }

    private void addArguments(@Nullable String args) throws ConfigException {
        if (args == null) {
            return;
        }
        Map<String, String> found = new LinkedHashMap<>();
        ConfigException refused = null;
        String before = "";
        for (String part : split(args)) {
            String counters = found.get("counters");
            if (before.equals("counters") && counters != null && CounterChoice.goesOn(counters, part)) {
                found.put("counters", counters + "," + part);
                continue;
            }
            int equals = part.indexOf('=');
            String list = found.get(before);
            if (equals < 0 && list != null && (before.equals("http.headers") || before.equals("http.mask"))) {
                found.put(before, list + "," + part);
                continue;
            }
            String key = (equals < 0 ? part : part.substring(0, equals)).strip();
            before = "";
            if (key.isEmpty() && equals < 0) {
                continue;
            }
            if (equals < 0) {
                refused = new ConfigException("\"" + shorten(key) + "\" in the agent arguments is not key=value");
            } else if (!known(key)) {
                refused = unknown(key, KEYS, "in the agent arguments");
            } else {
                found.put(key, part.substring(equals + 1));
                before = key;
            }
        }
        for (Map.Entry<String, String> argument : found.entrySet()) {
            put(argument.getKey(), argument.getValue(), "in the agent arguments");
        }
        if (refused != null) {
            throw refused;
        }
    }

    /** Splits at commas; {@code \,} and {@code \\} stand for themselves, every other backslash is kept. */
    private static List<String> split(String args) {
        List<String> parts = new ArrayList<>();
        StringBuilder part = new StringBuilder();
        for (int i = 0; i < args.length(); i++) {
            char c = args.charAt(i);
            if (c == '\\' && i + 1 < args.length() && (args.charAt(i + 1) == ',' || args.charAt(i + 1) == '\\')) {
                part.append(args.charAt(++i));
            } else if (c == ',') {
                parts.add(part.toString());
                part.setLength(0);
            } else {
                part.append(c);
            }
        }
        parts.add(part.toString());
        return parts;
    }

    private void addProperties(Properties properties) throws ConfigException {
        ConfigException refused = null;
        for (String name : properties.stringPropertyNames()) {
            if (name.startsWith("pitot.") && !name.startsWith("pitot.test.")) {
                String key = name.substring("pitot.".length());
                if (known(key)) {
                    put(key, properties.getProperty(name), "in system property " + name);
                } else {
                    refused = unknown(key, KEYS, "in system property " + name);
                }
            }
        }
        if (refused != null) {
            throw refused;
        }
    }

    private void addEnvironment(Map<String, String> environment) throws ConfigException {
        ConfigException refused = null;
        for (Map.Entry<String, String> variable : environment.entrySet()) {
            String name = variable.getKey();
            if (!name.startsWith("PITOT_") || name.startsWith("PITOT_TEST_")) {
                continue;
            }
            String key = null;
            for (String candidate : KEYS) {
                if (variableOf(candidate).equals(name)) {
                    key = candidate;
                }
            }
            if (key != null) {
                put(key, variable.getValue(), "in environment variable " + name);
            } else if (!isServiceLink(name)) {
                String[] names = new String[KEYS.length];
                for (int i = 0; i < KEYS.length; i++) {
                    names[i] = variableOf(KEYS[i]);
                }
                refused = unknown(name, names, "in the environment");
            }
        }
        if (refused != null) {
            throw refused;
        }
    }

    /**
     * Whether the platform sets it and not the user: Kubernetes gives each container the address of each service of its namespace,
     * and that of a service called pitot or pitot-collector begins like our own variables. That is
     * {@code PITOT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)}.
     */
    private static boolean isServiceLink(String name) {
        for (int at = name.indexOf('_') + 1; at > 0; at = name.indexOf('_', at) + 1) {
            String end = name.substring(at);
            if (end.equals("SERVICE_HOST")
                    || end.equals("SERVICE_PORT")
                    || end.startsWith("SERVICE_PORT_")
                    || end.equals("PORT")
                    || (end.startsWith("PORT_") && isPort(end.substring("PORT_".length())))) {
                return true;
            }
        }
        return false;
    }

    /** {@code \d+_(TCP|UDP|SCTP)(_\w+)?}. */
    private static boolean isPort(String text) {
        int digits = 0;
        while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
            digits++;
        }
        String rest = text.substring(digits);
        for (String protocol : new String[] {"_TCP", "_UDP", "_SCTP"}) {
            if (digits > 0 && (rest.equals(protocol) || rest.startsWith(protocol + "_"))) {
                return true;
            }
        }
        return false;
    }

    private static String variableOf(String key) {
        return "PITOT_" + key.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }

    private void addFile() throws ConfigException {
        Setting file = settings.get("config");
        if (file == null) {
            return;
        }
        Properties content = new Properties();
        try (Reader reader = Files.newBufferedReader(path("config"), StandardCharsets.UTF_8)) {
            content.load(reader);
        } catch (IOException | IllegalArgumentException unreadable) {
            throw new ConfigException("config file \"" + file.value + "\" (" + file.source + ") cannot be read ("
                    + unreadable + "); give the path of a readable properties file in UTF-8");
        }
        ConfigException refused = null;
        for (String key : content.stringPropertyNames()) {
            if (!known(key) || key.equals("config")) {
                refused = unknown(key, KEYS, "in config file " + file.value);
            } else {
                put(key, content.getProperty(key), "in config file " + file.value);
            }
        }
        if (refused != null) {
            throw refused;
        }
    }

    private static boolean known(String key) {
        for (String candidate : KEYS) {
            if (candidate.equals(key)) {
                return true;
            }
        }
        return false;
    }

    private static ConfigException unknown(String key, String[] known, String source) {
        String nearest = Nearest.of(key, List.of(known));
        return new ConfigException(
                "unknown key \"" + shorten(key) + "\" " + source + "; the nearest known key is \"" + nearest + "\"");
    }

    private static String shorten(String text) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < text.length() && i < 80; i++) {
            char c = text.charAt(i);
            line.append(Character.isISOControl(c) ? ' ' : c);
        }
        return line.toString();
    }

    private AgentConfig switchedOff() {
        return new AgentConfig(
                false,
                LOCAL,
                null,
                null,
                "",
                Map.of(),
                0,
                Duration.ZERO,
                CounterChoice.NONE,
                false,
                AgentConfig.Cores.FALSE,
                SpanChoice.OFF,
                SpanChoice.OFF,
                SpanChoice.OFF,
                false,
                false,
                false,
                ShownChoice.NOTHING,
                1);
    }

    private AgentConfig build(Properties properties) throws ConfigException {
        flag("enabled", true);
        Setting service = settings.get("service");
        if (service != null && (service.value.isEmpty() || service.value.length() > 200)) {
            throw bad("service", "a name of 1 to 200 characters");
        }
        return new AgentConfig(
                true,
                collector(),
                token(),
                settings.containsKey("token-file") ? path("token-file") : null,
                service == null ? defaultService(properties.getProperty("sun.java.command")) : service.value,
                labels(),
                size("recording.max-size", 64L << 20, 16L << 20, 16L << 30, "16MB to 16GB"),
                duration(
                        "recording.max-age",
                        Duration.ofHours(1),
                        Duration.ofMinutes(1),
                        Duration.ofDays(7),
                        "1m to 7d"),
                counters(),
                flag("host", true),
                cores(),
                spans("http", Duration.ofMillis(500), "http.routes"),
                spans("sql", Duration.ofMillis(100), "sql.statements"),
                spans("calls", Duration.ofMillis(500), "calls.targets"),
                flag("follow", true),
                flag("waits", true),
                flag("log", true),
                shown(),
                budget());
    }

    private SpanChoice spans(String kind, Duration slow, String names) throws ConfigException {
        return new SpanChoice(
                flag(kind, true),
                duration(kind + ".slow", slow, Duration.ZERO, Duration.ofHours(1), "0ms to 1h"),
                number(kind + ".events", 100, 0, 100_000),
                number(names, 500, 1, 10_000));
    }

    private ShownChoice shown() throws ConfigException {
        List<String> headers = names("http.headers", ShownChoice.MOST_HEADERS);
        List<String> masked =
                settings.containsKey("http.mask") ? names("http.mask", ShownChoice.MOST_MASKED) : ShownChoice.MASKED;
        return new ShownChoice(flag("http.query", false), headers, masked, flag("sql.literals", false));
    }

    /** Names in lower case, separated by commas or semicolons. */
    private List<String> names(String key, int most) throws ConfigException {
        List<String> names = new ArrayList<>();
        Setting setting = settings.get(key);
        if (setting != null) {
            for (String part : setting.value.replace(';', ',').split(",")) {
                String name = part.strip().toLowerCase(Locale.ROOT);
                if (names.size() == most || name.isEmpty() || !isName(name)) {
                    throw bad(key, "at most " + most + " names of letters, digits, dots, dashes and underscores");
                }
                names.add(name);
            }
        }
        return names;
    }

    private static boolean isName(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')) {
                return false;
            }
        }
        return text.length() <= 100;
    }

    /** A share, from a percentage or {@code none}. */
    private double budget() throws ConfigException {
        Setting setting = settings.get("budget");
        if (setting == null) {
            return 0.01;
        }
        if (setting.value.equals("none")) {
            return 1;
        }
        if (setting.value.endsWith("%")) {
            try {
                double share = Double.parseDouble(setting.value.substring(0, setting.value.length() - 1)) / 100;
                if (share >= 0.001 && share <= 1) {
                    return share;
                }
            } catch (NumberFormatException refused) {
                // Said below, together with a number out of range.
            }
        }
        throw bad("budget", "0.1% to 100%, or none");
    }

    private ConfigException bad(String key, String wanted) {
        Setting setting = settings.get(key);
        if (setting == null) {
            throw new IllegalStateException(key);
        }
        return new ConfigException("bad value \"" + shorten(setting.value) + "\" of key \"" + key + "\" "
                + setting.source + "; give " + wanted);
    }

    private CollectorAddress collector() throws ConfigException {
        Setting setting = settings.get("collector");
        if (setting == null) {
            return LOCAL;
        }
        CollectorAddress address = CollectorAddress.parse(setting.value);
        if (address != null) {
            return address;
        }
        if (setting.value.indexOf('@') >= 0) {
            throw new ConfigException(
                    "bad value of key \"collector\" " + setting.source
                            + " (it holds an @, so it is not shown); give an address such as http://host:7070, and the token by token-file");
        }
        throw bad("collector", "an address such as http://host:7070 or https://host");
    }

    private @Nullable String token() throws ConfigException {
        Setting setting = settings.get("token");
        if (setting == null) {
            return null;
        }
        if (!isToken(setting.value)) {
            throw new ConfigException("bad value of key \"token\" " + setting.source
                    + " (not shown); give the collector's ingest token, printable ASCII without blanks");
        }
        return setting.value;
    }

    /** Whether this text can stand in an {@code Authorization} header. */
    public static boolean isToken(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) <= ' ' || text.charAt(i) > '~') {
                return false;
            }
        }
        return !text.isEmpty() && text.length() <= 4096;
    }

    private Path path(String key) throws ConfigException {
        Setting setting = settings.get(key);
        try {
            if (setting != null && !setting.value.isEmpty()) {
                return Path.of(setting.value).toAbsolutePath();
            }
        } catch (InvalidPathException malformed) {
            // Refused below, in our words.
        }
        throw bad(key, "the path of a file");
    }

    private Map<String, String> labels() throws ConfigException {
        Map<String, String> labels = new LinkedHashMap<>();
        Setting setting = settings.get("labels");
        if (setting != null && !setting.value.isEmpty()) {
            for (String label : setting.value.split(";")) {
                int colon = label.indexOf(':');
                String key = colon < 0 ? "" : label.substring(0, colon).strip();
                if (key.isEmpty() || !isToken(key) || key.indexOf('=') >= 0 || labels.size() == MAX_LABELS) {
                    throw bad("labels", "at most 16 labels as key:value;key:value");
                }
                labels.put(key, label.substring(colon + 1).strip());
            }
        }
        return labels;
    }

    private CounterChoice counters() throws ConfigException {
        int topThreads = number("counters.threads", CounterChoice.DEFAULT.topThreads(), 0, 64);
        boolean host = flag("counters.host", false);
        Setting setting = settings.get("counters");
        CounterChoice choice = CounterChoice.parse(setting == null ? "default" : setting.value, topThreads, host);
        if (choice == null) {
            throw bad("counters", "default, none, or at most 64 names of events such as cycles,L1-dcache-load-misses");
        }
        return choice;
    }

    private AgentConfig.Cores cores() throws ConfigException {
        Setting setting = settings.get("host.cores");
        for (AgentConfig.Cores value : AgentConfig.Cores.values()) {
            if (setting != null && value.name().equalsIgnoreCase(setting.value)) {
                return value;
            }
        }
        if (setting != null) {
            throw bad("host.cores", "auto, true or false");
        }
        return AgentConfig.Cores.AUTO;
    }

    private boolean flag(String key, boolean preset) throws ConfigException {
        Setting setting = settings.get(key);
        if (setting == null) {
            return preset;
        }
        if (setting.value.equalsIgnoreCase("true")) {
            return true;
        }
        if (setting.value.equalsIgnoreCase("false")) {
            return false;
        }
        throw bad(key, "true or false");
    }

    private int number(String key, int preset, int least, int most) throws ConfigException {
        Setting setting = settings.get(key);
        if (setting == null) {
            return preset;
        }
        try {
            int number = Integer.parseInt(setting.value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException malformed) {
            // Refused below, in our words.
        }
        throw bad(key, "a number from " + least + " to " + most);
    }

    private long size(String key, long preset, long least, long most, String range) throws ConfigException {
        Setting setting = settings.get(key);
        if (setting == null) {
            return preset;
        }
        String[] units = {"B", "KB", "MB", "GB"};
        long[] factors = {1, 1L << 10, 1L << 20, 1L << 30};
        long size = amount(setting.value, units, factors);
        if (size < least || size > most) {
            throw bad(key, "a size from " + range);
        }
        return size;
    }

    private Duration duration(String key, Duration preset, Duration least, Duration most, String range)
            throws ConfigException {
        Setting setting = settings.get(key);
        if (setting == null) {
            return preset;
        }
        String[] units = {"ms", "s", "m", "h", "d"};
        long[] factors = {1, 1_000, 60_000, 3_600_000, 86_400_000};
        long millis = amount(setting.value, units, factors);
        if (millis < least.toMillis() || millis > most.toMillis()) {
            throw bad(key, "a duration from " + range);
        }
        return Duration.ofMillis(millis);
    }

    /** A number and a unit, case ignored; 0 needs no unit. -1 when it is neither or overflows. */
    private static long amount(String text, String[] units, long[] factors) {
        int digits = 0;
        while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
            digits++;
        }
        if (digits == 0 || digits > 15) {
            return -1;
        }
        long number = Long.parseLong(text.substring(0, digits));
        String unit = text.substring(digits).strip();
        if (number == 0 && unit.isEmpty()) {
            return 0;
        }
        for (int i = 0; i < units.length; i++) {
            if (units[i].equalsIgnoreCase(unit)) {
                return number > Long.MAX_VALUE / factors[i] ? -1 : number * factors[i];
            }
        }
        return -1;
    }

    /**
     * The service's name when none was given: simple name of the main class, or file name of the jar without version and
     * extension.
     *
     * @param command system property {@code sun.java.command}: main class, {@code module/class} or jar path, then arguments
     */
    static String defaultService(@Nullable String command) {
        if (command == null || command.isBlank()) {
            return "java";
        }
        String text = command.strip();
        String lower = text.toLowerCase(Locale.ROOT);
        String name;
        int jar = lower.indexOf(".jar");
        int blank = text.indexOf(' ');
        String first = blank < 0 ? text : text.substring(0, blank);
        boolean source = first.startsWith("jdk.compiler/");
        if (source && blank > 0) {
            // `java App.java`: the main class is the compiler's launcher.
            String rest = text.substring(blank + 1).strip();
            int end = rest.indexOf(' ');
            name = fileName(end < 0 ? rest : rest.substring(0, end));
            name = name.endsWith(".java") ? name.substring(0, name.length() - ".java".length()) : name;
        } else if (jar > 0 && (jar + 4 == text.length() || text.charAt(jar + 4) == ' ') && looksLikePath(text, jar)) {
            name = withoutVersion(fileName(text.substring(0, jar)));
        } else {
            name = first.substring(first.lastIndexOf('/') + 1);
            name = name.substring(name.lastIndexOf('.') + 1);
        }
        name = shorten(name).strip();
        return name.isEmpty() ? "java" : name;
    }

    /** A path may hold blanks ("my app.jar"); a class name followed by an argument that ends in .jar must not be taken for one. */
    private static boolean looksLikePath(String text, int jar) {
        String path = text.substring(0, jar);
        int blank = path.indexOf(' ');
        return blank < 0 || Files.exists(Path.of(text.substring(0, jar + 4)));
    }

    private static String fileName(String path) {
        return path.substring(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
    }

    private static String withoutVersion(String name) {
        for (int i = 1; i + 1 < name.length(); i++) {
            char next = name.charAt(i + 1);
            if ((name.charAt(i) == '-' || name.charAt(i) == '_') && next >= '0' && next <= '9') {
                return name.substring(0, i);
            }
        }
        return name;
    }
}
