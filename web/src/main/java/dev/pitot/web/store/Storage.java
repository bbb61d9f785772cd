package dev.pitot.web.store;

import dev.pitot.web.store.Partitions.Table;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The upkeep of what is stored: makes partitions ahead, drops what is too old, watches the disk. Three threads of its own, as a copy
 * of what is pinned and a slow deletion take minutes and the disk must not wait for them.
 */
public final class Storage implements AutoCloseable {
    /** A change of the retention drops nothing for so long, so that a mistake can be taken back. */
    public static final Duration GRACE = Duration.ofSeconds(30);
    /** The name, in the audit, of a time in which something was left out. */
    public static final String GAP = "disk full";

    /** What collectors tell each other when the retention or a pin was changed. */
    private static final String SETTINGS = "settings";

    private static final Logger LOG = LoggerFactory.getLogger(Storage.class);
    private static final Duration LOOK = Duration.ofSeconds(15);
    private static final Duration MAINTAIN = Duration.ofHours(1);
    private static final Duration DISK = Duration.ofSeconds(10);
    private static final Duration NEAR_DISK = Duration.ofSeconds(1);

    private final Database database;
    private final Clock clock;
    private final Retention retention;
    private final Partitions partitions;
    private final Pins pins;
    private final DiskGuard disk;
    private final ServiceRetention services;
    private final Duration grace;
    private final Map<Table, Duration> options;
    private final ScheduledExecutorService threads;
    private volatile boolean stopped;
    private volatile @Nullable Control control;
    /** Calls of {@link #upkeep} since the one that is at work began. */
    private final AtomicInteger asked = new AtomicInteger();

    // Of the thread that maintains, one at a time.
    private @Nullable ClockCheck clockCheck;
    private Retention.State applied;
    private String pinned = "";
    private boolean due = true;
    private long maintained = System.nanoTime();
    private volatile String said = "";
    private boolean optionsTaken;

    /**
     * Makes the partitions that are needed now; the rest begins with {@link #start}.
     *
     * @param defaults what holds where nobody has set anything
     * @param options what this start was told
     */
    public Storage(
            Database database, RetentionSettings defaults, Map<Table, Duration> options, DiskGuard disk, Clock clock) {
        this(database, defaults, options, disk, clock, GRACE);
    }

    Storage(
            Database database,
            RetentionSettings defaults,
            Map<Table, Duration> options,
            DiskGuard disk,
            Clock clock,
            Duration grace) {
        this.database = database;
        this.clock = clock;
        this.disk = disk;
        this.grace = grace;
        this.options = Map.copyOf(options);
        this.retention = new Retention(database, defaults, this::changed);
        this.applied = retention.state();
        this.partitions = new Partitions(database, () -> retention.state().all(), clock);
        this.pins = new Pins(database, this::changed);
        this.services = new ServiceRetention(database, retention, clock);
        AtomicInteger number = new AtomicInteger();
        ScheduledThreadPoolExecutor pool = new ScheduledThreadPoolExecutor(3, task -> {
            Thread thread = new Thread(task, "pitot-storage-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
        pool.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        this.threads = Executors.unconfigurableScheduledExecutorService(pool);
        disk.look();
        try {
            prepare();
            partitions.make();
        } catch (SQLException | RuntimeException e) {
            LOG.warn("Partitions were not all made, tried again in a while: {}", e.getMessage());
        }
    }

    /** Begins to look after things. */
    public Storage start() {
        long look = LOOK.toMillis();
        // Soon, and not before the start goes on: a copy of what is pinned takes its time.
        threads.scheduleWithFixedDelay(this::upkeep, 1_000, look, TimeUnit.MILLISECONDS);
        threads.scheduleWithFixedDelay(this::deleteOfServices, 1, 1, TimeUnit.MINUTES);
        threads.schedule(this::watchDisk, DISK.toMillis(), TimeUnit.MILLISECONDS);
        Control among = new Control(database);
        among.listen(message -> {
            if (!stopped && (message.equals(SETTINGS) || message.equals(Control.EVERYTHING))) {
                try {
                    threads.execute(this::upkeep);
                } catch (RejectedExecutionException closing) {
                    LOG.debug("a change is not looked at: the collector stops");
                }
            }
        });
        control = among;
        if (!options.isEmpty()) {
            changed();
        }
        return this;
    }

    /** Something was set here: the other collectors look at it now and not in 15 s. */
    private void changed() {
        Control among = control;
        if (among != null) {
            among.say(SETTINGS);
        }
    }

    public Partitions partitions() {
        return partitions;
    }

    public Retention retention() {
        return retention;
    }

    public Pins pins() {
        return pins;
    }

    public DiskGuard disk() {
        return disk;
    }

    /**
     * What the clock calls every 15 s, and a change at once: partitions are made hourly, and old ones dropped then and soon after
     * a change. While one call is at work another one returns at once, and the first looks again.
     */
    void upkeep() {
        if (asked.getAndIncrement() > 0) {
            return;
        }
        int seen;
        do {
            seen = asked.get();
            lookAfter();
        } while (!stopped && !asked.compareAndSet(seen, 0));
    }

    private void lookAfter() {
        try {
            prepare();
            Retention.State state = retention.state();
            if (!state.all().equals(applied.all()) || !state.services().equals(applied.services())) {
                applied = state;
                due = true;
                services.forget();
            }
            String now = pins.state();
            if (!now.equals(pinned)) {
                pinned = now;
                due = true;
                services.forget();
            }
            if (due || System.nanoTime() - maintained >= MAINTAIN.toNanos()) {
                partitions.make();
                if (!retention.isSettled(grace)) {
                    due = true;
                    return;
                }
                String doubt = doubt();
                if (doubt == null) {
                    partitions.drop(disk.takesPosts());
                    said = "";
                } else if (!said.equals(doubt)) {
                    said = doubt;
                    LOG.warn("Nothing is dropped by age, as {}", doubt);
                }
                maintained = System.nanoTime();
                due = doubt != null;
            }
        } catch (SQLException | RuntimeException e) {
            due = true;
            if (!stopped) {
                // Each writer makes the partition it needs.
                LOG.warn("Partitions were not all made and dropped, tried again in a while: {}", e.getMessage());
            }
        }
    }

    private void prepare() throws SQLException {
        if (!optionsTaken) {
            retention.take(options).forEach(LOG::warn);
            optionsTaken = true;
            due = true;
        }
        retention.reload();
    }

    private @Nullable String doubt() throws SQLException {
        try (Connection c = database.connection();
                Statement s = c.createStatement();
                ResultSet row = s.executeQuery("select now(), max(last_seen) from jvm")) {
            row.next();
            Instant databaseNow = row.getTimestamp(1).toInstant();
            Instant now = clock.instant();
            long nanos = System.nanoTime();
            if (clockCheck == null) {
                clockCheck = new ClockCheck(
                        now,
                        nanos,
                        row.getTimestamp(2) == null ? null : row.getTimestamp(2).toInstant());
            }
            return clockCheck.doubt(now, nanos, databaseNow);
        }
    }

    /** What the clock calls each minute. */
    void deleteOfServices() {
        try {
            if (said.isEmpty() && retention.isSettled(grace)) {
                long rows = services.run();
                if (rows > 0) {
                    LOG.info("{} rows of services with a shorter retention of their own were deleted", rows);
                }
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (SQLException | RuntimeException e) {
            if (!stopped) {
                LOG.warn("Rows of services with a shorter retention stay for now: {}", e.getMessage());
            }
        }
    }

    private void watchDisk() {
        try {
            disk.look();
            tellGap(false);
        } catch (RuntimeException e) {
            LOG.error("The disk could not be looked at", e);
        } finally {
            if (!stopped) {
                Duration next = disk.isNear() ? NEAR_DISK : DISK;
                threads.schedule(this::watchDisk, next.toMillis(), TimeUnit.MILLISECONDS);
            }
        }
    }

    /** Writes down what was left out. */
    void tellGap(boolean all) {
        DiskGuard.Gap gap = disk.takeGap(all);
        if (gap == null) {
            return;
        }
        try (Connection c = database.connection()) {
            Audit.add(
                    c,
                    "collector",
                    GAP,
                    null,
                    "{\"from\":" + gap.from() + ",\"to\":" + gap.to() + ",\"events\":" + gap.events() + ",\"blocks\":"
                            + gap.blocks() + ",\"posts\":" + gap.posts() + "}");
        } catch (SQLException e) {
            disk.putBack(gap);
            LOG.debug("what was left out is written down later", e);
        }
    }

    /** Stops at the next pause; 5 s at most. */
    @Override
    public void close() {
        stopped = true;
        Control among = control;
        if (among != null) {
            among.close();
        }
        services.stop();
        threads.shutdownNow();
        try {
            if (!threads.awaitTermination(5, TimeUnit.SECONDS)) {
                LOG.info("The upkeep of partitions is cut off; the next start goes on with it.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        tellGap(true);
    }
}
