package dev.pitot.agent;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.AccessControlException;
import java.security.Permission;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.StackTrace;

/** The application of the tests: obeys lines on its standard input, one word back for each. Ends with its input. */
public final class Application {
    @Name("test.Mark")
    @StackTrace(false)
    static final class Mark extends Event {
        int number;
        String text = "";
    }

    private static final CountDownLatch NEVER = new CountDownLatch(1);

    private Application() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length > 0 && args[0].equals("guard")) {
            guard();
        } else if (args.length > 0 && args[0].equals("guard-initializers")) {
            guardInitializers();
        }
        System.out.println("ready");
        if (args.length > 0 && args[0].equals("return")) {
            return;
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "mark" -> mark(Integer.parseInt(words[1]), "");
                case "fill" -> fill(Integer.parseInt(words[1]));
                case "noise" -> noise(Integer.parseInt(words[1]));
                case "record" -> {
                    Recording other = new Recording();
                    other.setName("of the application");
                    other.enable("jdk.InitialSystemProperty");
                    other.start();
                }
                case "threads" -> threads();
                case "exit" -> System.exit(Integer.parseInt(words[1]));
                case "rotate-mark-and-return" -> {
                    FlightRecorder.getFlightRecorder().takeSnapshot().close();
                    mark(Integer.parseInt(words[1]), "");
                    return;
                }
                case "mark-and-return" -> {
                    mark(Integer.parseInt(words[1]), "");
                    return;
                }
                default -> throw new IllegalArgumentException(line);
            }
            System.out.println("done");
        }
        NEVER.await();
    }

    private static void mark(int number, String text) {
        Mark mark = new Mark();
        mark.number = number;
        mark.text = text;
        mark.commit();
    }

    /** About so many kilobytes of events. */
    private static void fill(int kilobytes) {
        String text = "x".repeat(100);
        for (int i = 0; i < kilobytes * 8; i++) {
            mark(-1, text + i);
        }
    }

    /** The same, and it cannot be deflated much. */
    private static void noise(int kilobytes) {
        Random random = new Random(1);
        for (int i = 0; i < kilobytes * 8; i++) {
            StringBuilder text = new StringBuilder();
            for (int k = 0; k < 120; k++) {
                text.append((char) (' ' + random.nextInt(95)));
            }
            mark(-1, text.toString());
        }
    }

    /** Java 17 lets an application install one; later ones throw. */
    @SuppressWarnings("removal")
    private static void guard() {
        System.setSecurityManager(new SecurityManager());
    }

    /** The same at a moment that nobody can wait for: while the agent's thread is in the initialiser of a class. */
    @SuppressWarnings("removal")
    private static void guardInitializers() {
        System.setSecurityManager(new SecurityManager() {
            @Override
            public void checkPermission(Permission asked) {
                if (!Thread.currentThread().getName().equals("pitot-start")) {
                    return;
                }
                // Neither lambdas nor a StackWalker, which ask for permissions themselves.
                for (StackTraceElement frame : new Throwable().getStackTrace()) {
                    if (frame.getMethodName().equals("<clinit>")) {
                        throw new AccessControlException("access denied " + asked, asked);
                    }
                }
            }
        });
    }

    private static void threads() {
        Thread.getAllStackTraces()
                .keySet()
                .forEach(thread -> System.out.println("thread " + thread.getName() + " daemon="
                        + thread.isDaemon() + " application="
                        + (thread.getContextClassLoader() == Application.class.getClassLoader())));
    }
}
