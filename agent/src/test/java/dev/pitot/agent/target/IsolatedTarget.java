package dev.pitot.agent.target;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Runs another target in a class loader that asks its parent for nothing but the packages of the JDK's modules and those that
 * {@code jboss.modules.system.pkgs} names, as JBoss Modules and strict OSGi frameworks do.
 */
public final class IsolatedTarget {
    private IsolatedTarget() {}

    private static final class Isolated extends URLClassLoader {
        private final ClassLoader jdk = ClassLoader.getPlatformClassLoader();
        private final Set<String> system = new HashSet<>();

        Isolated(URL[] path) {
            super(path, null);
            ModuleLayer.boot().modules().forEach(module -> system.addAll(module.getPackages()));
            system.addAll(Arrays.asList(
                    System.getProperty("jboss.modules.system.pkgs", "").split(",")));
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                if (loaded != null) {
                    return loaded;
                }
                return system.contains(name.substring(0, Math.max(0, name.lastIndexOf('.'))))
                        ? jdk.loadClass(name)
                        : findClass(name);
            }
        }

        @Override
        public URL getResource(String name) {
            URL own = findResource(name);
            return own != null ? own : jdk.getResource(name);
        }
    }

    public static void main(String[] args) throws Exception {
        List<URL> path = new ArrayList<>();
        for (String entry : System.getProperty("isolated.path").split(File.pathSeparator)) {
            path.add(new File(entry).toURI().toURL());
        }
        ClassLoader loader = new Isolated(path.toArray(URL[]::new));
        Thread.currentThread().setContextClassLoader(loader);
        loader.loadClass(System.getProperty("isolated.main"))
                .getMethod("main", String[].class)
                .invoke(null, (Object) args);
    }
}
