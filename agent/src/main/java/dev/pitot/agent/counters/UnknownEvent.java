package dev.pitot.agent.counters;

/** A name that no event of this machine has; carries no stack trace, as it is an answer and no accident. */
final class UnknownEvent extends Exception {
    final transient Refusal refusal;

    UnknownEvent(String reason, String remedy) {
        super(reason, null, false, false);
        this.refusal = new Refusal(reason, remedy);
    }
}
