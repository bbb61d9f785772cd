package dev.pitot.agent;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.security.ProtectionDomain;
import java.util.Collections;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * Loads the agent, Byte Buddy and JNA from the folder {@code inst/} of the agent jar, where no class path finds them. Its parent is
 * the platform class loader, so it sees the JDK and, through the bootstrap class path, {@code dev.pitot.events}, and never the
 * application. Parallel capable; safe on any thread.
 */
public final class AgentClassLoader extends ClassLoader {
    static {
        registerAsParallelCapable();
    }

    private static final String FOLDER = "inst/";
    private static final String LOGGING = "java/util/logging/";
    private static final String MUTE = "dev/pitot/agent/counters/quiet/";

    private final JarFile jar;
    private final ProtectionDomain domain;

    AgentClassLoader(JarFile jar, ProtectionDomain domain) {
        super("pitot", ClassLoader.getPlatformClassLoader());
        this.jar = jar;
        this.domain = domain;
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        JarEntry entry = jar.getJarEntry(FOLDER + name.replace('.', '/') + ".class");
        if (entry == null) {
            throw new ClassNotFoundException(name);
        }
        byte[] bytes;
        try (InputStream in = jar.getInputStream(entry)) {
            bytes = in.readAllBytes();
            if (name.startsWith("com.sun.jna.")) {
                bytes = withoutLogging(bytes);
            }
        } catch (IOException unreadable) {
            throw new ClassNotFoundException(name, unreadable);
        }
        return defineClass(name, bytes, 0, bytes.length, domain);
    }

    /**
     * JNA with the mute loggers of {@code counters.quiet} in the place of the JDK's, by rewriting the texts of the constant pool
     * (JVM specification, 4.4); everything else refers to them by number and stays as it is.
     */
    private static byte[] withoutLogging(byte[] classFile) throws IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(classFile));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(classFile.length + 256);
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeLong(in.readLong()); // magic and version
        int count = in.readUnsignedShort();
        out.writeShort(count);
        for (int i = 1; i < count; i++) {
            int tag = in.readUnsignedByte();
            out.writeByte(tag);
            switch (tag) {
                case 1 -> out.writeUTF(in.readUTF().replace(LOGGING, MUTE)); // Utf8
                case 7, 8, 16, 19, 20 -> out.write(in.readNBytes(2)); // Class, String, MethodType, Module, Package
                case 15 -> out.write(in.readNBytes(3)); // MethodHandle
                case 3, 4, 9, 10, 11, 12, 17, 18 -> out.write(in.readNBytes(4)); // numbers, references, dynamic
                case 5, 6 -> { // Long and Double take two places
                    out.write(in.readNBytes(8));
                    i++;
                }
                default -> throw new IOException("Unknown tag " + tag + " in a constant pool");
            }
        }
        in.transferTo(out);
        return bytes.toByteArray();
    }

    @Override
    protected @Nullable URL findResource(String name) {
        JarEntry entry = jar.getJarEntry(FOLDER + name);
        if (entry == null) {
            return null;
        }
        try {
            // A handler of our own: a jar: URL would open the jar a second time, in a cache shared with the
            // application.
            return new URL(null, "pitot:/" + name, new Handler(jar));
        } catch (MalformedURLException impossible) {
            return null;
        }
    }

    @Override
    protected Enumeration<URL> findResources(String name) {
        URL url = findResource(name);
        return url == null ? Collections.emptyEnumeration() : Collections.enumeration(Collections.singleton(url));
    }

    private static final class Handler extends URLStreamHandler {
        private final JarFile jar;

        Handler(JarFile jar) {
            this.jar = jar;
        }

        @Override
        protected URLConnection openConnection(URL url) {
            return new URLConnection(url) {
                @Override
                public void connect() {}

                @Override
                public InputStream getInputStream() throws IOException {
                    JarEntry entry = jar.getJarEntry(FOLDER + url.getPath().substring(1));
                    if (entry == null) {
                        throw new FileNotFoundException(url.toString());
                    }
                    try (InputStream in = jar.getInputStream(entry)) {
                        return new ByteArrayInputStream(in.readAllBytes());
                    }
                }
            };
        }
    }
}
