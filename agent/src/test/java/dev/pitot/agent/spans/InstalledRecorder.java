package dev.pitot.agent.spans;

import dev.pitot.events.Spans;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Has the bridge tell a recorder of each test's own, which makes no events of single requests. */
final class InstalledRecorder implements BeforeEachCallback, AfterEachCallback {
    SpanRecorder recorder;

    @Override
    public void beforeEach(ExtensionContext test) throws Exception {
        recorder = SpanRecorderTest.recorder("http.events=0");
        Spans.install(recorder);
    }

    @Override
    public void afterEach(ExtensionContext test) {
        Spans.install(null);
        recorder.forget();
    }
}
