package dev.pitot.agent.recording;

import java.util.regex.Pattern;

/** Replaces what looks like a secret in command lines by {@code ***}. Rather one value too many than one too few. */
final class Secrets {
    private static final String WORD = "(?:passw|pwd|passphrase|secret|token|credential|key|auth)";
    /** Keys that name where a secret lies or what kind it is, and not the secret. */
    private static final String HARMLESS =
            "(?<!file|path|dir|folder|store|type|alias|provider|algorithm|enabled|timeout|manager)";

    private static final String KEY = "[\\w.\\-]*" + WORD + "[\\w.\\-]*" + HARMLESS;
    /** A whole JVM option: all that follows the key is the value, blanks included. */
    private static final Pattern SYSTEM_PROPERTY = Pattern.compile("(?i)^(-D" + KEY + "\\s*=).+$", Pattern.DOTALL);

    private static final Pattern PAIR =
            Pattern.compile("(?i)(?<![\\w.\\-])(" + KEY + "\\s*[=:]\\s*)(\"[^\"]*\"|'[^']*'|[^\\s,;&]+)");
    private static final Pattern OPTION =
            Pattern.compile("(?i)(?<!\\S)(--?" + KEY + "\\s+)(?!-)(\"[^\"]*\"|'[^']*'|\\S+)");
    private static final Pattern USER_INFO = Pattern.compile("(://[^/@\\s:]*:)[^/@\\s]+@");

    private Secrets() {}

    /**
     * @param text one JVM option, or the program's command with its arguments
     * @return the same text object when there was nothing to replace
     */
    static String scrub(String text) {
        String scrubbed = SYSTEM_PROPERTY.matcher(text).replaceAll("$1***");
        scrubbed = PAIR.matcher(scrubbed).replaceAll("$1***");
        scrubbed = OPTION.matcher(scrubbed).replaceAll("$1***");
        scrubbed = USER_INFO.matcher(scrubbed).replaceAll("$1***@");
        return scrubbed.equals(text) ? text : scrubbed;
    }
}
