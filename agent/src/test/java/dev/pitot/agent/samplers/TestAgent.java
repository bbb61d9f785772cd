package dev.pitot.agent.samplers;

import java.io.File;
import java.lang.instrument.Instrumentation;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarFile;

/**
 * Puts the classes of the agent into a target JVM the way the real one does, with none of its recording and uplink: events on
 * the bootstrap class path, everything else in a class loader of its own. The system property {@code pitot.test.path} has
 * the bootstrap jar first, then what that class loader reads.
 */
public final class TestAgent {
    private TestAgent() {}

    public static void premain(String args, Instrumentation instrumentation) throws Exception {
        String[] path = System.getProperty("pitot.test.path").split(File.pathSeparator);
        instrumentation.appendToBootstrapClassLoaderSearch(new JarFile(path[0]));
        List<URL> urls = new ArrayList<>();
        for (int i = 1; i < path.length; i++) {
            urls.add(new File(path[i]).toURI().toURL());
        }
        ClassLoader loader = new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
        loader.loadClass("dev.pitot.agent.samplers.TestCore")
                .getMethod("start", String.class, Instrumentation.class)
                .invoke(null, args == null ? "" : args, instrumentation);
    }
}
