import { bytes, cores, count, hertz, known, millis, percent, rate, ratio, whole } from './format.js';

/** @typedef {import('./chart.js').ChartSpec} ChartSpec */

const field = name => (fields, i) => fields[name]?.[i] ?? null;
/** Nanoseconds; the sample that a JVM commits at its end covers a few milliseconds, and a rate over those is noise. */
const SHORTEST_INTERVAL = 5e8;
/** A difference of `pitot.ProcessCounters` per second: value / interval. */
const perSecond = (name, scale = 1) => (fields, i) => {
  const value = fields[name]?.[i];
  const interval = fields.interval?.[i];
  return known(value) && interval >= SHORTEST_INTERVAL ? (value / interval) * 1e9 * scale : null;
};
/** Of two parts, of which the second may not be known apart from the first. */
const sum = (first, second) => (fields, i) => {
  const value = first(fields, i);
  return known(value) ? value + (second(fields, i) ?? 0) : null;
};
const quotient = (above, below, scale = 1) => (fields, i) => {
  const value = fields[above]?.[i];
  const by = fields[below]?.[i];
  return known(value) && by > 0 ? (value / by) * scale : null;
};

const pauses = ([column], span) => {
  const known = column.filter(value => value !== null);
  return `${known.length}, ${percent(known.reduce((sum, value) => sum + value, 0) / span)} of the time`;
};

/** What the JVM and its requests do; the key names the series each is drawn from. @type {[string, ChartSpec][]} */
export const OVERVIEW = [
  ['jdk.CPULoad', { title: 'CPU', unit: '% of the machine', help: 'jdk.CPULoad: jvmUser + jvmSystem, jvmSystem, machineTotal', format: percent, floor: 0.05, ceiling: 1, empty: 'No CPU sample in this window.', lines: [
    { label: 'JVM', color: '--c1', value: sum(field('jvmUser'), field('jvmSystem')), fill: true },
    { label: 'of it system', color: '--c2', value: field('jvmSystem') },
    { label: 'whole machine', color: '--c0', value: field('machineTotal'), beyond: true }] }],
  ['pitot.JvmMemory', { title: 'Heap', unit: 'bytes', help: 'pitot.JvmMemory; pauses from jdk.GarbageCollection', format: bytes, floor: 1048576, empty: 'No memory sample in this window.', marksLabel: 'GC', lines: [
    { label: 'used', color: '--c1', value: field('heapUsed'), fill: true },
    { label: 'committed', color: '--c3', value: field('heapCommitted') },
    { label: 'max', color: '--c0', value: field('heapMax'), dash: [4, 3], beyond: true }] }],
  ['pitot.JvmMemory', { title: 'Process memory', unit: 'bytes', help: 'pitot.JvmMemory: residentSize, the memory of the whole process that is in RAM; nonHeapUsed, metaspace and compiled code', format: bytes, floor: 1048576, empty: 'No memory sample in this window.', lines: [
    { label: 'resident', color: '--c1', value: field('residentSize'), fill: true },
    { label: 'non-heap', color: '--c3', value: field('nonHeapUsed') }] }],
  ['gc', { title: 'GC pauses', unit: 'ms each', help: 'jdk.GarbageCollection: sum of the pauses of each collection', format: millis, floor: 1, empty: 'No garbage collection in this window.', summary: pauses, lines: [
    { label: 'newest', color: '--c2', value: field('pause'), stems: true }] }],
  ['rates', { title: 'Requests', unit: 'per second', help: 'pitot.EndpointSummary, all endpoints', format: rate, floor: 4, empty: 'No request finished in this window.', lines: [
    { label: 'requests', color: '--c1', value: field('requests'), fill: true },
    { label: 'errors', color: '--c2', value: field('errors') }] }],
  ['rates', { title: 'Latency', unit: 'p99 of each second', help: 'pitot.EndpointSummary, all endpoints; error of at most 3.2 %', format: millis, floor: 1, empty: 'No request finished in this window.', lines: [
    { label: 'p99', color: '--c4', value: field('p99') }] }],
];

const COUNTERS = 'pitot.ProcessCounters';

/** @type {[string, ChartSpec][]} */
export const SOFTWARE = [
  ['jdk.JavaThreadStatistics', { title: 'Threads', unit: 'count', help: 'jdk.JavaThreadStatistics', format: count, floor: 4, empty: 'No thread sample in this window.', lines: [
    { label: 'active', color: '--c1', value: field('activeCount'), fill: true },
    { label: 'daemon', color: '--c3', value: field('daemonCount') },
    { label: 'peak', color: '--c0', value: field('peakCount'), dash: [4, 3] }] }],
  [COUNTERS, { title: 'CPU time', unit: 'cores', help: 'CPU seconds used each second by all threads, GC and JIT included: 1 is one core', format: cores, floor: 0.1, empty: 'Not measured in this window.', lines: [
    { label: 'total', color: '--c1', value: sum(perSecond('userTime', 1e-9), perSecond('systemTime', 1e-9)), fill: true },
    { label: 'of it system', color: '--c2', value: perSecond('systemTime', 1e-9) }] }],
  [COUNTERS, { title: 'Context switches', unit: 'per second', help: 'voluntary: a thread waits; involuntary: the scheduler took its CPU', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'voluntary', color: '--c1', value: perSecond('voluntaryContextSwitches'), fill: true },
    { label: 'involuntary', color: '--c2', value: perSecond('involuntaryContextSwitches') }] }],
  [COUNTERS, { title: 'Page faults', unit: 'per second', help: 'minor: served from memory; major: read from disk', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'minor', color: '--c1', value: perSecond('minorFaults'), fill: true },
    { label: 'major', color: '--c2', value: perSecond('majorFaults') }] }],
];

/** @type {[string, ChartSpec][]} */
export const HARDWARE = [
  [COUNTERS, { title: 'Instructions per cycle', unit: 'IPC', help: 'instructions / cycles of the whole process', format: ratio, floor: 1, empty: 'Cycles or instructions are not counted here.', lines: [
    { label: 'IPC', color: '--c1', value: quotient('instructions', 'cycles') }] }],
  [COUNTERS, { title: 'Cycles', unit: 'per second', help: 'CPU cycles per second of wall time, all threads together', format: hertz, floor: 1e6, empty: 'Cycles are not counted here.', lines: [
    { label: 'cycles', color: '--c1', value: perSecond('cycles'), fill: true }] }],
  [COUNTERS, { title: 'Misses', unit: 'per 1000 instructions', help: 'last-level cache misses and mispredicted branches', format: ratio, floor: 1, empty: 'Cache and branch misses are not counted here.', lines: [
    { label: 'cache', color: '--c2', value: quotient('cacheMisses', 'instructions', 1000) },
    { label: 'branch', color: '--c4', value: quotient('branchMisses', 'instructions', 1000) }] }],
];
