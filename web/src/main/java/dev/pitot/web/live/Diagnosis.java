package dev.pitot.web.live;

/**
 * One line of what an agent found about counting on its machine: the newest {@code pitot.Diagnosis} of its subject. Texts are empty
 * where there is nothing to say.
 *
 * @param category {@code fact} or {@code rung}
 * @param state {@code yes}, {@code partial} or {@code no} for a rung
 * @param ts milliseconds since the epoch
 */
public record Diagnosis(
        String subject,
        String category,
        String state,
        String detail,
        String blocker,
        String fixOnHost,
        String fixInDocker,
        String fixInKubernetes,
        long ts) {}
