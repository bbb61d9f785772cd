package dev.pitot.web;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What an attached agent is given: the settings of the command line, and the ingest token of the collector's data folder where nothing
 * else says which and the agent sends to this machine. Agent arguments come before all other sources, so that a token
 * added here would hide the service's own.
 *
 * @param text as the agent takes it
 * @param collector where the agent will send to, as far as it can be seen from here; empty for its default
 * @param lacksToken whether this machine's token was kept from a collector elsewhere
 */
record AttachArguments(String text, String collector, boolean lacksToken) {
    /** HotSpot before 24 takes no longer one, in bytes, the agent's jar and a {@code =} included; attachListener.hpp. */
    private static final int LONGEST = 1024;

    private static final String PROPERTY = "-Dpitot.";
    private static final String VARIABLE = "PITOT_";

    /**
     * @param options of the target's JVM
     * @param environment of the target, {@code NAME=value} each
     * @param token file with the token of this machine's collector
     */
    static AttachArguments of(List<String> settings, List<String> options, List<String> environment, Path token) {
        Map<String, String> known = new TreeMap<>();
        // From the least to the first in precedence.
        for (String variable : environment) {
            if (variable.startsWith(VARIABLE)) {
                int end = variable.indexOf('=');
                if (end > 0) {
                    String key = variable.substring(VARIABLE.length(), end).toLowerCase(Locale.ROOT);
                    known.put(key.replace('_', '-'), variable.substring(end + 1));
                }
            }
        }
        for (String option : options) {
            if (option.startsWith(PROPERTY)) {
                put(known, option.substring(PROPERTY.length()));
            }
        }
        settings.forEach(setting -> put(known, setting));

        String collector = known.getOrDefault("collector", "");
        List<String> all = new ArrayList<>(settings);
        boolean wanted = Files.isReadable(token)
                && !known.containsKey("token")
                && !known.containsKey("token-file")
                && !known.containsKey("config");
        boolean near = collector.isEmpty() || isThisMachine(collector);
        if (wanted && near) {
            all.add("token-file=" + token);
        }
        StringBuilder text = new StringBuilder();
        for (String setting : all) {
            text.append(text.isEmpty() ? "" : ",")
                    .append(setting.replace("\\", "\\\\").replace(",", "\\,"));
        }
        return new AttachArguments(text.toString(), collector, wanted && !near);
    }

    private static void put(Map<String, String> known, String setting) {
        int end = setting.indexOf('=');
        if (end > 0) {
            known.put(setting.substring(0, end), setting.substring(end + 1));
        }
    }

    /** Whether the collector at this address listens here; of a name other than localhost no name server is asked. */
    private static boolean isThisMachine(String collector) {
        try {
            String host = new URI(collector.strip()).getHost();
            if (host == null) {
                return false;
            }
            if (host.equalsIgnoreCase("localhost")) {
                return true;
            }
            if (!host.startsWith("[") && !host.matches("[\\d.]+")) {
                return false;
            }
            InetAddress address = InetAddress.getByName(host);
            return address.isLoopbackAddress() || NetworkInterface.getByInetAddress(address) != null;
        } catch (URISyntaxException | UnknownHostException | SocketException unclear) {
            return false;
        }
    }

    /** Refuses what the other JVM would not take. */
    void checkLength(Path agent) {
        int length = (agent + "=" + text).getBytes(StandardCharsets.UTF_8).length;
        if (length > LONGEST) {
            throw CommandFailure.badInput("The settings and the path of the agent's jar are " + length
                    + " bytes, and a JVM takes " + LONGEST
                    + "; write the settings into a properties file that its user can read, and give config=FILE.");
        }
    }
}
