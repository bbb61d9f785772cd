package dev.pitot.web.ingest;

import java.util.Map;

/**
 * Counters since the start of the collector, and depths of its queues now.
 *
 * @param requests posts handled
 * @param segments segments made durable
 * @param bytes their bytes before compression
 * @param events events stored
 * @param samples metric samples put into blocks
 * @param refused posts answered with 4xx or 5xx
 * @param clamped events and samples that are not stored as they were sent: the sum of {@code clampedBy}
 * @param clampedBy how many for which reason: {@code clock}, {@code late}, {@code full}, {@code infinite}, {@code cut}
 * @param parseErrors chunks whose bytes could not be read
 * @param waitingRequests posts that wait for the next commit
 * @param arrivingBytes room in memory that is taken for posts until they are durable
 * @param waitingBytes bytes of the posts that wait for the next commit
 * @param waitingJvms JVMs that have bytes to parse
 * @param heldBytes bytes in memory that wait to be parsed
 * @param behindBytes bytes that are durable and not parsed, as far as this collector was sent them
 * @param refusedMinutes minutes of a type and key that the database refused and that were left out
 * @param refusedEvents events that the database refused and that were left out
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
        Map<String, Long> clampedBy,
        long parseErrors,
        long waitingRequests,
        long arrivingBytes,
        long waitingBytes,
        long waitingJvms,
        long heldBytes,
        long behindBytes,
        long refusedMinutes,
        long refusedEvents,
        long openReaders,
        long rollups,
        long rollupsBehind) {}
