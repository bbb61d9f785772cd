package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** Methods of the JDK that block. */
final class WaitNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return switch (name) {
            case "java/util/concurrent/locks/LockSupport" -> "ParkWaits";
            case "sun/nio/ch/NioSocketImpl", "sun/nio/ch/SocketChannelImpl", "sun/nio/ch/ServerSocketChannelImpl" ->
                "SocketWaits";
            case "java/net/InetAddress" -> "NameLookups";
            case "java/io/FileInputStream",
                    "java/io/FileOutputStream",
                    "java/io/RandomAccessFile",
                    "sun/nio/ch/FileChannelImpl" -> "FileWaits";
            // Its one method was native.
            case "java/io/FileDescriptor" -> Runtime.version().feature() >= 25 ? "FileWaits" : null;
            default -> null;
        };
    }
}
