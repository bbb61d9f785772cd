package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** Executors, threads and whatever else hands work from one thread to another. */
final class FollowNames implements Names {
    /** Whether it is to be told of mounts too. */
    volatile boolean mounts;

    @Override
    public @Nullable String libraryOf(String name) {
        if (name.startsWith("java/util/concurrent/")) {
            return ofJdk(name);
        }
        return switch (name) {
            case "java/lang/Thread" -> "Threads";
            case "java/lang/VirtualThread" -> mounts ? "VirtualThreads" : "Threads";
            case "org/apache/tomcat/util/threads/ThreadPoolExecutor" -> "ThreadPool";
            case "org/eclipse/jetty/util/thread/QueuedThreadPool",
                    "org/eclipse/jetty/util/thread/QueuedThreadPool$Runner" -> "JettyPool";
            case "org/jboss/threads/EnhancedQueueExecutor$Task", "org/jboss/threads/EnhancedQueueExecutor$ThreadBody" ->
                "JbossPool";
            case "io/netty/util/concurrent/SingleThreadEventExecutor",
                    "io/netty/util/concurrent/AbstractEventExecutor" -> "NettyLoop";
            case "org/apache/hc/core5/concurrent/ComplexFuture" -> "ApacheFutures";
            default -> null;
        };
    }

    private static @Nullable String ofJdk(String name) {
        return switch (name) {
            case "java/util/concurrent/ThreadPoolExecutor" -> "ThreadPool";
            case "java/util/concurrent/ScheduledThreadPoolExecutor" -> "ScheduledThreadPool";
            case "java/util/concurrent/FutureTask",
                    "java/util/concurrent/CompletableFuture$AsyncRun",
                    "java/util/concurrent/CompletableFuture$AsyncSupply" -> "OwnTasks";
            case "java/util/concurrent/ForkJoinTask",
                    "java/util/concurrent/ForkJoinPool",
                    "java/util/concurrent/DelayScheduler$ScheduledForkJoinTask" -> "ForkJoin";
            case "java/util/concurrent/CompletableFuture$UniCompletion",
                    "java/util/concurrent/CompletableFuture$UniApply",
                    "java/util/concurrent/CompletableFuture$UniAccept",
                    "java/util/concurrent/CompletableFuture$UniRun",
                    "java/util/concurrent/CompletableFuture$UniWhenComplete",
                    "java/util/concurrent/CompletableFuture$UniHandle",
                    "java/util/concurrent/CompletableFuture$UniExceptionally",
                    "java/util/concurrent/CompletableFuture$UniComposeExceptionally",
                    "java/util/concurrent/CompletableFuture$UniCompose",
                    "java/util/concurrent/CompletableFuture$BiApply",
                    "java/util/concurrent/CompletableFuture$BiAccept",
                    "java/util/concurrent/CompletableFuture$BiRun",
                    "java/util/concurrent/CompletableFuture$OrApply",
                    "java/util/concurrent/CompletableFuture$OrAccept",
                    "java/util/concurrent/CompletableFuture$OrRun" -> "CompletionStages";
            default -> null;
        };
    }
}
