package dev.pitot.web.ingest;

/**
 * Counters since the start of the collector, and depths of its queues now.
 *
 * @param requests posts handled
 * @param segments segments made durable
 * @param bytes their bytes before compression
 * @param events events stored
 * @param samples metric samples put into blocks
 * @param refused posts answered with 4xx or 5xx
 * @param clamped events whose time lay outside of what is kept and was moved to its edge, and samples left out for that
 * @param parseErrors chunks whose bytes could not be read
 * @param waitingRequests posts that wait for the next commit
 * @param arrivingBytes room in memory that is taken for posts until they are durable
 * @param waitingBytes bytes of the posts that wait for the next commit
 * @param waitingJvms JVMs that have bytes to parse
 * @param heldBytes bytes in memory that wait to be parsed
 * @param behindBytes bytes that are durable and not parsed, as far as this collector was sent them
 * @param refusedMinutes minutes of a type and key that the database refused and that were left out
 * @param openReaders chunks whose constants are in memory
 * @param rollups quarters of an hour and hours made from what is beneath, one of each JVM
 * @param rollupsBehind rounds that had more of them to make than they may
 */
public record IngestStats(
        long requests,
        long segments,
        long bytes,
        long events,
        long samples,
        long refused,
        long clamped,
        long parseErrors,
        long waitingRequests,
        long arrivingBytes,
        long waitingBytes,
        long waitingJvms,
        long heldBytes,
        long behindBytes,
        long refusedMinutes,
        long openReaders,
        long rollups,
        long rollupsBehind) {}
