package dev.pitot.web;

import dev.pitot.web.ingest.IngestSettings;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.DiskGuard;
import dev.pitot.web.store.Durations;
import dev.pitot.web.store.Partitions;
import dev.pitot.web.store.Retention;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that {@code serve} and {@code demo} share, as {@code docs/spec/configuration.md} lists them. */
final class CollectorOptions {
    private static final String ROOT_FOLDER = "/var/lib/pitot";
    /** Of the 50 that the embedded PostgreSQL takes, the rest is for people with {@code psql}. */
    private static final int MOST_EMBEDDED = 40;

    private static final int MOST_CONNECTIONS = 500;

    private static final Pattern EVENT_PATTERN = Pattern.compile("[A-Za-z_$][\\w$]*(\\.[A-Za-z_$][\\w$]*)*(\\.\\*)?");

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Private folder for the embedded PostgreSQL, the tokens and the agent jar."
                    + " Default: $XDG_DATA_HOME/pitot, else ~/.local/share/pitot; as root " + ROOT_FOLDER + ".")
    @Nullable
    Path data;

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "7070",
            description = "Port to listen on; 0 chooses a free one. Default: ${DEFAULT-VALUE}.")
    int port;

    @Option(
            names = "--bind",
            paramLabel = "ADDRESS",
            defaultValue = "127.0.0.1",
            description = "Address to listen on. Default: ${DEFAULT-VALUE}.")
    String bind = "127.0.0.1";

    @Option(
            names = "--advertise",
            paramLabel = "URL",
            description = "Where other collectors on the same database reach this one, such as http://10.0.0.7:7070."
                    + " Default: the address and port that it listens on.")
    @Nullable
    String advertise;

    @Option(
            names = "--insecure",
            description = "Allow --bind to an address that others can reach, though there is no TLS yet.")
    boolean insecure;

    @Option(
            names = "--db-url",
            paramLabel = "URL",
            description = "JDBC URL of a PostgreSQL to use instead of the embedded one.")
    @Nullable
    String databaseUrl;

    @Option(names = "--db-user", paramLabel = "USER", description = "Its user.")
    @Nullable
    String databaseUser;

    @Option(
            names = "--db-password-file",
            paramLabel = "FILE",
            description = "File whose first line is the user's password.")
    @Nullable
    Path databasePasswordFile;

    @Option(
            names = "--db-connections",
            paramLabel = "N",
            description = "Most connections to the database, half of them for what people ask."
                    + " Default: 2 for each processor (2 to 16 count) and 8.")
    @Nullable
    Integer databaseConnections;

    @Option(
            names = "--retention-events",
            paramLabel = "D",
            converter = DurationConverter.class,
            description = "Age at which stored events are dropped. Default: 6h.")
    @Nullable
    Duration retentionEvents;

    @Option(
            names = "--retention-segments",
            paramLabel = "D",
            converter = DurationConverter.class,
            description = "The same for raw recording bytes. Default: 48h.")
    @Nullable
    Duration retentionSegments;

    @Option(
            names = "--retention-blocks",
            paramLabel = "D",
            converter = DurationConverter.class,
            description = "The same for metric blocks. Default: 48h.")
    @Nullable
    Duration retentionBlocks;

    @Option(
            names = "--retention-minutes",
            paramLabel = "D",
            converter = DurationConverter.class,
            description = "The same for what metrics came to by the minute. Default: 30d.")
    @Nullable
    Duration retentionMinutes;

    @Option(
            names = "--retention-quarters",
            paramLabel = "D",
            converter = DurationConverter.class,
            description = "The same by the quarter of an hour. Default: 90d.")
    @Nullable
    Duration retentionQuarters;

    @Option(
            names = "--retention-hours",
            paramLabel = "D",
            converter = DurationConverter.class,
            description = "The same by the hour. Default: 730d.")
    @Nullable
    Duration retentionHours;

    @Option(
            names = "--disk-reserve",
            paramLabel = "SIZE",
            converter = SizeConverter.class,
            description =
                    "Free space of the embedded PostgreSQL's disk below which less, and in the end nothing, is stored, such as 2GB."
                            + " Default: 1GB, or 5 %% of the disk where that is more.")
    @Nullable
    Long diskReserve;

    @Option(
            names = "--events",
            paramLabel = "TYPES",
            split = ",",
            description = "Event types of your own to store as events, such as com.acme.*; comma-separated.")
    List<String> events = new ArrayList<>();

    @Option(names = "--debug", description = "Show where a failure came from.")
    boolean debug;

    /** Refuses, before anything is started, what cannot be. */
    void check() {
        if (port < 0 || port > 65_535) {
            throw CommandFailure.badInput("--port must be from 0 to 65535, not " + port + ".");
        }
        if (bind.isBlank()) {
            throw CommandFailure.badInput("--bind needs an address, such as 127.0.0.1; leave it out for that one.");
        }
        InetAddress address;
        try {
            address = InetAddress.getByName(bind);
        } catch (UnknownHostException e) {
            throw CommandFailure.badInput("--bind " + bind + " is no address that this machine knows.");
        }
        if (!address.isLoopbackAddress() && !insecure) {
            throw CommandFailure.badInput("--bind " + bind
                    + " can be reached by others, and there is no TLS yet, so tokens would travel in the clear;"
                    + " keep to the loopback address, or add --insecure if the network is trusted.");
        }
        checkAdvertise();
        if (databaseUrl == null && (databaseUser != null || databasePasswordFile != null)) {
            throw CommandFailure.badInput("--db-user and --db-password-file belong to --db-url, which is missing.");
        }
        checkConnections();
        for (String pattern : events) {
            if (!EVENT_PATTERN.matcher(pattern).matches()) {
                throw CommandFailure.badInput("--events '" + pattern
                        + "' is no event type; give full names, or a package and .* as in com.acme.*.");
            }
        }
        retentionOptions().forEach(CollectorOptions::checkRetention);
        if (diskReserve != null && diskReserve < DiskGuard.LEAST_RESERVE) {
            throw CommandFailure.badInput("--disk-reserve must be 64MB or more, such as 2GB.");
        }
        databaseSettings();
    }

    private void checkAdvertise() {
        if (advertise == null) {
            return;
        }
        URI address;
        try {
            address = URI.create(advertise);
        } catch (IllegalArgumentException noAddress) {
            address = URI.create("");
        }
        boolean isWeb = "http".equalsIgnoreCase(address.getScheme()) || "https".equalsIgnoreCase(address.getScheme());
        if (!isWeb
                || address.getHost() == null
                || address.getRawUserInfo() != null
                || !String.valueOf(address.getRawPath()).isEmpty()
                || address.getRawQuery() != null
                || address.getRawFragment() != null) {
            throw CommandFailure.badInput("--advertise '" + advertise
                    + "' is no address of a collector; write scheme, host and port, as in http://10.0.0.7:7070.");
        }
    }

    private void checkConnections() {
        int most = databaseUrl == null ? MOST_EMBEDDED : MOST_CONNECTIONS;
        if (databaseConnections != null
                && (databaseConnections < DatabaseSettings.FEWEST_CONNECTIONS || databaseConnections > most)) {
            throw CommandFailure.badInput(
                    "--db-connections must be from " + DatabaseSettings.FEWEST_CONNECTIONS + " to "
                            + most + (databaseUrl == null ? " with the embedded PostgreSQL" : "") + ", not "
                            + databaseConnections + ".");
        }
    }

    private static void checkRetention(Partitions.Table tier, Duration age) {
        if (age.compareTo(Retention.SHORTEST) < 0 || age.compareTo(Retention.LONGEST) > 0) {
            throw CommandFailure.badInput("--retention-" + tier.tier() + " must be from 1m to "
                    + Retention.LONGEST.toDays() + "d, such as 48h.");
        }
    }

    /** Those that were given. */
    Map<Partitions.Table, Duration> retentionOptions() {
        Map<Partitions.Table, Duration> given = new EnumMap<>(Partitions.Table.class);
        put(given, Partitions.Table.EVENT, retentionEvents);
        put(given, Partitions.Table.SEGMENT, retentionSegments);
        put(given, Partitions.Table.METRIC_BLOCK, retentionBlocks);
        put(given, Partitions.Table.METRIC_1M, retentionMinutes);
        put(given, Partitions.Table.METRIC_15M, retentionQuarters);
        put(given, Partitions.Table.METRIC_1H, retentionHours);
        return given;
    }

    private static void put(Map<Partitions.Table, Duration> given, Partitions.Table tier, @Nullable Duration age) {
        if (age != null) {
            given.put(tier, age);
        }
    }

    /** Of the disk that the embedded PostgreSQL's files lie on. */
    DiskGuard diskGuard(Path folder) throws IOException {
        return databaseUrl != null
                ? DiskGuard.elsewhere()
                : DiskGuard.of(folder, diskReserve == null ? OptionalLong.empty() : OptionalLong.of(diskReserve));
    }

    Path dataFolder() {
        if (data != null) {
            return data.toAbsolutePath().normalize();
        }
        return defaultFolder(System.getenv(), System.getProperty("user.name"), System.getProperty("user.home"));
    }

    /** @param userHome of the user database; the JDK says {@code ?} for a user without an entry in it */
    static Path defaultFolder(Map<String, String> environment, @Nullable String userName, @Nullable String userHome) {
        String xdg = environment.getOrDefault("XDG_DATA_HOME", "");
        if (xdg.startsWith("/")) {
            return Path.of(xdg, "pitot");
        }
        if ("root".equals(userName)) {
            // PostgreSQL does not run as root, and its user may not enter /root.
            return Path.of(ROOT_FOLDER);
        }
        for (String home : new String[] {environment.get("HOME"), userHome}) {
            if (home != null && home.startsWith("/") && Files.isDirectory(Path.of(home))) {
                return Path.of(home, ".local", "share", "pitot");
            }
        }
        throw CommandFailure.badInput(
                "This user has no home folder ($HOME is not set to one, and /etc/passwd names none); name a data folder with --data.");
    }

    /** Of the user's own PostgreSQL; null for the embedded one. */
    @Nullable
    DatabaseSettings databaseSettings() {
        return databaseUrl == null ? null : databaseSettings("--db-url: ", databaseUrl, databaseUser, password());
    }

    /** With the number of connections that was asked for. */
    DatabaseSettings databaseSettings(String url, @Nullable String user, @Nullable String password) {
        return databaseSettings("", url, user, password);
    }

    private DatabaseSettings databaseSettings(
            String option, String url, @Nullable String user, @Nullable String password) {
        try {
            DatabaseSettings settings = DatabaseSettings.of(url, user, password);
            return databaseConnections == null ? settings : settings.withConnections(databaseConnections);
        } catch (IllegalArgumentException e) {
            throw CommandFailure.badInput(option + e.getMessage());
        }
    }

    private @Nullable String password() {
        if (databasePasswordFile == null) {
            return null;
        }
        try {
            return Files.readString(databasePasswordFile).lines().findFirst().orElse("");
        } catch (IOException e) {
            throw CommandFailure.badInput("--db-password-file " + databasePasswordFile
                    + " cannot be read; check the path and its permissions.");
        }
    }

    IngestSettings ingestSettings() {
        int parsers = databaseConnections == null
                ? DatabaseSettings.parsers()
                : Math.min(DatabaseSettings.parsers(), databaseConnections / 2 - DatabaseSettings.BESIDE_PARSERS);
        return IngestSettings.standard().withEventPatterns(events).withParsers(parsers);
    }

    /** A number and {@code ms}, {@code s}, {@code m}, {@code h} or {@code d}. */
    static final class DurationConverter implements ITypeConverter<Duration> {
        @Override
        public Duration convert(String text) {
            try {
                return Durations.parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    /** A number and {@code MB} or {@code GB}, powers of 1024. */
    static final class SizeConverter implements ITypeConverter<Long> {
        private static final Pattern FORM = Pattern.compile("(\\d{1,9})(MB|GB)");

        @Override
        public Long convert(String text) {
            Matcher matcher = FORM.matcher(text);
            if (!matcher.matches()) {
                throw new TypeConversionException("'" + text + "' is no size; write a number and MB or GB, as in 2GB");
            }
            return Long.parseLong(matcher.group(1)) << (matcher.group(2).equals("MB") ? 20 : 30);
        }
    }
}
