package dev.pitot.agent.spans;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The name of a server that is called: one, however the program writes it. Pure functions. */
final class Target {
    /** Of a name as DNS has it (RFC 1035, 2.3.4); what is longer is none. */
    private static final int LONGEST = 255;

    private Target() {}

    /**
     * @param host a name or a literal address, of version 6 with or without brackets; what stands before an {@code @} is left out
     * @param port negative for none
     */
    static String of(@Nullable String host, int port) {
        if (host == null || host.isEmpty()) {
            return port < 0 ? "(unknown)" : "(unknown):" + port;
        }
        String name = host.substring(host.lastIndexOf('@') + 1).toLowerCase(Locale.ROOT);
        if (name.length() > LONGEST) {
            name = name.substring(0, LONGEST);
        }
        if (name.indexOf(':') >= 0 && !name.startsWith("[")) {
            name = "[" + name + "]";
        }
        return port < 0 ? name : name + ":" + port;
    }
}
