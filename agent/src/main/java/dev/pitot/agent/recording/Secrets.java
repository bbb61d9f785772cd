package dev.pitot.agent.recording;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Replaces what looks like a secret in command lines by {@code ***}. Rather one value too many than one too few. */
final class Secrets {
    /** Wherever they stand in a key. */
    private static final Pattern ANYWHERE = Pattern.compile(
            "passw|pwd|passphrase|secret|credential"
                    + "|tokens?(?![a-z])|(?:api|access|private|encrypt|encryption|sign|signing|master|license|shared|account|storage)[._-]?keys?(?![a-z])");
    /** Only as a whole word of a key: {@code db.pass}, but not {@code bypass}. */
    private static final Set<String> WORDS = Set.of("pass", "auth", "authorization", "bearer");
    /** Only as its last word: {@code signing.key}, but not {@code key.serializer}. */
    private static final Set<String> LAST_WORDS = Set.of("key", "pin", "salt", "pw");
    /** Ends of keys that name where a secret lies or what kind it is, and not the secret. */
    private static final List<String> HARMLESS = List.of(
            "file",
            "path",
            "dir",
            "folder",
            "store",
            "type",
            "alias",
            "provider",
            "algorithm",
            "enabled",
            "timeout",
            "manager",
            "class",
            "url",
            "uri",
            "size",
            "length",
            "ttl");

    /** Between the words of a key: dots, dashes and underscores, and where camel case has its humps. */
    private static final Pattern BETWEEN_WORDS =
            Pattern.compile("[._\\-]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])");

    /** From the first character of a word only: else a long argument is looked through once for each of its characters. */
    private static final Pattern KEY = Pattern.compile("(?<![\\w.\\-])([\\w.\\-]++)[\"']?\\s*([=:])\\s*");
    // Possessive, here and below: what may give back a repeated alternative recurses for each, and a token may be long.
    private static final String QUOTED = "\"(?:\\\\.|[^\"\\\\])*+\"|'[^']*+'";
    private static final String SCHEME = "(?i:bearer|basic|digest|negotiate|token)\\s+\\S+";
    /** A separator ends a value only if another key follows: it may as well be a character of the secret. */
    private static final String RUN = "(?:[^\\s,;&]|[,;&](?![\"']?[\\w.\\-]+[\"']?\\s*[%s]))++";

    private static final Pattern VALUE = Pattern.compile(QUOTED + "|" + SCHEME + "|" + RUN.replace("%s", "="));
    private static final Pattern COLON_VALUE = Pattern.compile(QUOTED + "|" + SCHEME + "|" + RUN.replace("%s", "=:"));
    private static final Pattern OPTION = Pattern.compile("(?<!\\S)--?([\\w.\\-]+)\\s+(?!-)(" + QUOTED + "|\\S+)");
    private static final Pattern BEARER = Pattern.compile("(?i)(?<![\\w.\\-])(bearer\\s+)\\S+");
    private static final Pattern ORACLE = Pattern.compile("(?i)(jdbc:oracle:\\w+:[^/@\\s]*/)\\S{1,4096}@");
    /** The password may hold slashes and ats; a longer one does not exist, and a list of addresses is looked through once. */
    private static final Pattern USER_AND_PASSWORD = Pattern.compile("(://[^/@\\s:]*:)\\S{1,4096}@");

    private static final Pattern USER = Pattern.compile("(://)[^/@\\s:?#]+@");

    private Secrets() {}

    /**
     * @param text one JVM option, or the program's command with its arguments
     * @return the same text object when there was nothing to replace
     */
    static String scrub(String text) {
        int equals = text.indexOf('=');
        if (text.startsWith("-D")
                && equals > 0
                && isSecret(text.substring(2, equals).strip())) {
            // All that follows the key is the value, blanks included.
            return equals == text.length() - 1 ? text : text.substring(0, equals + 1) + "***";
        }
        String scrubbed = pairs(text);
        scrubbed = OPTION.matcher(scrubbed)
                .replaceAll(option -> Matcher.quoteReplacement(
                        isSecret(option.group(1))
                                ? option.group().substring(0, option.start(2) - option.start()) + "***"
                                : option.group()));
        scrubbed = BEARER.matcher(scrubbed).replaceAll("$1***");
        scrubbed = ORACLE.matcher(scrubbed).replaceAll("$1***@");
        scrubbed = USER_AND_PASSWORD.matcher(scrubbed).replaceAll("$1***@");
        scrubbed = USER.matcher(scrubbed).replaceAll("$1***@");
        return scrubbed.equals(text) ? text : scrubbed;
    }

    private static String pairs(String text) {
        StringBuilder scrubbed = new StringBuilder();
        Matcher key = KEY.matcher(text);
        int copied = 0;
        int from = 0;
        // A key's value may itself hold keys (-agentlib:x=pass:...), so only what was replaced is passed over.
        while (from <= text.length() && key.find(from)) {
            from = key.end();
            if (isSecret(key.group(1))) {
                Matcher value = (key.group(2).equals(":") ? COLON_VALUE : VALUE)
                        .matcher(text)
                        .region(key.end(), text.length());
                if (value.lookingAt()) {
                    scrubbed.append(text, copied, key.end()).append("***");
                    copied = value.end();
                    from = value.end();
                }
            }
        }
        return copied == 0 ? text : scrubbed.append(text, copied, text.length()).toString();
    }

    private static boolean isSecret(String key) {
        String lower = key.toLowerCase(Locale.ROOT);
        for (String end : HARMLESS) {
            if (lower.endsWith(end)) {
                return false;
            }
        }
        if (ANYWHERE.matcher(lower).find()) {
            return true;
        }
        String[] words = BETWEEN_WORDS.split(key);
        for (int i = 0; i < words.length; i++) {
            String word = words[i].toLowerCase(Locale.ROOT);
            if (WORDS.contains(word) || (i == words.length - 1 && LAST_WORDS.contains(word))) {
                return true;
            }
        }
        return false;
    }
}
