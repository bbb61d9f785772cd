package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.Doctor;
import dev.pitot.agent.counters.Finding;
import dev.pitot.events.Diagnosis;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code pitot.Diagnosis}: what the doctor says of this JVM, at its start and once a minute. Examined once, and anew only when
 * what it depends on has changed.
 */
final class DiagnosisSampler implements Sampler {
    private static final long MINUTE = 60_000_000_000L;
    private static final int LONGEST = 500;

    private final Counters counters;
    private long sinceLast;
    private String changeable = "";
    private List<Finding> findings = List.of();

    /** Examines at once, on the starter thread: loading what that takes would keep the first sample waiting. */
    DiagnosisSampler(Counters counters) {
        this.counters = counters;
        try {
            say();
        } catch (RuntimeException | LinkageError met) {
            sinceLast = MINUTE; // The sampler thread meets it again, and says so on the status board.
        }
    }

    @Override
    public String name() {
        return "diagnosis";
    }

    @Override
    public void sample(long interval) {
        sinceLast += interval;
        // Half a second early is on time; and the sample of the end is no time to examine anything.
        if (sinceLast >= MINUTE - SamplerThread.SECOND / 2 && interval >= SamplerThread.SECOND / 2) {
            sinceLast = 0;
            say();
        }
    }

    private void say() {
        if (!new Diagnosis().isEnabled()) {
            return;
        }
        String now = Doctor.changeable(counters);
        if (findings.isEmpty() || (!now.isEmpty() && !now.equals(changeable))) {
            // Each event stands for itself, as a page shows the newest of a subject; so the texts are cut short.
            List<Finding> found = new ArrayList<>();
            for (Finding finding : Doctor.examine(counters)) {
                found.add(finding.shortened(LONGEST));
            }
            findings = found;
            changeable = now;
        }
        findings.forEach(DiagnosisSampler::emit);
    }

    private static void emit(Finding finding) {
        Diagnosis event = new Diagnosis();
        event.subject = finding.subject();
        event.category = finding.isRung() ? "rung" : "fact";
        event.state = finding.state();
        event.detail = finding.detail();
        event.blocker = finding.blocker();
        event.fixOnHost = finding.fix().host();
        event.fixInDocker = finding.fix().docker();
        event.fixInKubernetes = finding.fix().kubernetes();
        event.commit();
    }
}
