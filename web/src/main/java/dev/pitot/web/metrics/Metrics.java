package dev.pitot.web.metrics;

import dev.pitot.web.ingest.CommitTimes;
import dev.pitot.web.ingest.Ingest;
import dev.pitot.web.ingest.IngestStats;
import dev.pitot.web.live.JvmSummary;
import dev.pitot.web.live.Live;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.StoreSize;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.ExpositionFormats;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers a scrape. Any thread; asks the database once a minute at most, and goes without it when it is away. */
public final class Metrics {
    private static final Logger LOG = LoggerFactory.getLogger(Metrics.class);

    private final String version;
    private final Live live;
    private final Ingest ingest;
    private final Database database;
    private final Database forQueries;
    private final StoreSize size;
    private final Path dataFolder;
    private final ExpositionFormats formats = ExpositionFormats.init();
    private final Map<Integer, LongAdder> posts = new ConcurrentHashMap<>();

    /** @param dataFolder whose file system is watched */
    public Metrics(String version, Live live, Ingest ingest, Database database, Database forQueries, Path dataFolder) {
        this.version = version;
        this.live = live;
        this.ingest = ingest;
        this.database = database;
        this.forQueries = forQueries;
        this.size = new StoreSize(forQueries);
        this.dataFolder = dataFolder;
    }

    /** An agent's post was answered so. */
    public void answered(int status) {
        posts.computeIfAbsent(status, key -> new LongAdder()).increment();
    }

    /** A scrape's answer. */
    public record Page(String contentType, byte[] bytes) {}

    /**
     * Everything, in the text format that the scraper prefers.
     *
     * @param accept its {@code Accept} header
     * @param databaseAnswers as it was found a moment ago
     */
    public Page page(@Nullable String accept, boolean databaseAnswers) throws IOException {
        Families families = new Families();
        families.info("pitot_build", "The version of the collector.", "version", version);
        ProcessMetrics.add(families);
        ingest(families);
        database(families, databaseAnswers);
        disk(families);
        List<JvmSummary> fleet = live.fleet();
        live(families, fleet);
        FleetMetrics.add(families, fleet);
        ExpositionFormatWriter writer = formats.findWriter(accept);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(16 << 10);
        writer.write(bytes, families.snapshots());
        return new Page(writer.getContentType(), bytes.toByteArray());
    }

    private void ingest(Families families) {
        IngestStats stats = ingest.stats();
        new TreeMap<>(posts)
                .forEach((status, count) -> families.counter(
                        "pitot_ingest_posts",
                        "Posts of agents by the status of the answer.",
                        count.sum(),
                        "status",
                        Integer.toString(status)));
        CommitTimes times = ingest.commitTimes();
        families.histogram(
                "pitot_ingest_commit_seconds",
                "Time from a post's arrival until it was durable.",
                times.bounds(),
                times.counts(),
                times.sum());
        families.counter("pitot_ingest_segments", "Segments made durable.", stats.segments());
        families.counter("pitot_ingest_segment_bytes", "Their bytes before compression.", stats.bytes());
        families.counter("pitot_ingest_events", "Events stored.", stats.events());
        families.counter("pitot_ingest_samples", "Metric samples put into blocks.", stats.samples());
        stats.clampedBy()
                .forEach((reason, count) -> families.counter(
                        "pitot_ingest_clamped",
                        "Events and samples that are not stored as they were sent, by reason.",
                        count,
                        "reason",
                        reason));
        families.counter(
                "pitot_ingest_refused_events",
                "Events that the database refused and that were left out.",
                stats.refusedEvents());
        families.counter("pitot_ingest_parse_errors", "Chunks whose bytes could not be read.", stats.parseErrors());
        String depth = "What waits in a queue now.";
        String limit = "The most that may wait in it; a queue of JVMs has each of them once at most.";
        families.gauge("pitot_queue_depth", depth, stats.waitingRequests(), "queue", "posts");
        families.gauge("pitot_queue_limit", limit, ingest.mostWaitingRequests(), "queue", "posts");
        families.gauge("pitot_queue_depth", depth, stats.waitingJvms(), "queue", "jvms");
        families.gauge("pitot_ingest_held_bytes", "Bytes in memory that wait to be parsed.", stats.heldBytes());
        families.gauge(
                "pitot_ingest_held_limit_bytes",
                "The most of them; what is over is read back from the database.",
                ingest.settings().heldBytes());
        families.gauge("pitot_ingest_open_chunks", "Chunks whose constants are in memory.", stats.openReaders());
        families.gauge(
                "pitot_ingest_open_chunks_limit",
                "The most of them.",
                ingest.settings().openReaders());
    }

    private void database(Families families, boolean answers) {
        families.gauge("pitot_database_up", "Whether the database answered a moment ago.", answers ? 1 : 0);
        pool(families, "ingest", database.use());
        pool(families, "queries", forQueries.use());
        if (!answers) {
            return;
        }
        StoreSize.Sizes sizes;
        try {
            sizes = size.sizes();
        } catch (SQLException away) {
            LOG.debug("a scrape without the sizes of tables", away);
            return;
        }
        families.gauge(
                "pitot_database_size_bytes",
                "Size of the whole database, a minute old at most.",
                sizes.databaseBytes());
        for (StoreSize.Table table : sizes.tables()) {
            families.gauge(
                    "pitot_table_size_bytes",
                    "Size of a table with its indexes.",
                    table.bytes(),
                    "table",
                    table.name());
            families.gauge("pitot_table_partitions", "Its partitions.", table.partitions(), "table", table.name());
            families.gauge(
                    "pitot_table_oldest_timestamp_seconds",
                    "Start of its oldest partition.",
                    table.oldestSeconds(),
                    "table",
                    table.name());
        }
    }

    private static void pool(Families families, String pool, Database.Use use) {
        String help = "Connections to the database.";
        families.gauge("pitot_database_connections", help, use.active(), "pool", pool, "state", "active");
        families.gauge("pitot_database_connections", help, use.idle(), "pool", pool, "state", "idle");
        families.gauge("pitot_database_connections_limit", "The most of them.", use.most(), "pool", pool);
        families.gauge("pitot_database_connections_wanted", "Threads that wait for one.", use.waiting(), "pool", pool);
    }

    private void disk(Families families) {
        try {
            FileStore disk = Files.getFileStore(dataFolder);
            families.gauge(
                    "pitot_disk_free_bytes", "Room on the file system of the data folder.", disk.getUsableSpace());
            families.gauge("pitot_disk_size_bytes", "Size of that file system.", disk.getTotalSpace());
        } catch (IOException gone) {
            LOG.debug("a scrape without the disk", gone);
        }
    }

    private void live(Families families, List<JvmSummary> fleet) {
        families.gauge("pitot_viewers", "Pages that are connected.", live.viewers());
        Map<String, Integer> states = new TreeMap<>(Map.of("live", 0, "quiet", 0, "ended", 0));
        for (JvmSummary jvm : fleet) {
            states.merge(jvm.state(), 1, Integer::sum);
        }
        states.forEach((state, number) ->
                families.gauge("pitot_jvms", "JVMs that memory knows, 1000 at most.", number, "state", state));
    }
}
