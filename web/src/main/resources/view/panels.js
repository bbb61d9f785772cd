import { bytes, cores, count, known, millis, percent, rate, ratio, whole } from './format.js';
import { each, metrics, perInterval, perSecond as ofSecond } from './metrics.js';

/** @typedef {import('./chart.js').ChartSpec} ChartSpec */

const field = name => (fields, i) => fields[name]?.[i] ?? null;
const perSecond = name => each(ofSecond(name));
/** Of two parts, of which the second may not be known apart from the first. */
const sum = (first, second) => (fields, i) => {
  const value = first(fields, i);
  return known(value) ? value + (second(fields, i) ?? 0) : null;
};
/** The least running share of the counters that a value stands on. */
const running = (...counters) => (fields, i) => {
  const shares = counters.map(name => fields[name + 'Running']?.[i]).filter(known);
  return shares.length ? Math.min(...shares) : null;
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
    { label: 'total', color: '--c1', value: each(metrics.cpuCores), fill: true },
    { label: 'of it system', color: '--c2', value: each(perInterval('systemTime')) }] }],
  [COUNTERS, { title: 'Context switches', unit: 'per second', help: 'voluntary: a thread waits; involuntary: the scheduler took its CPU; migrations, where perf counts them: a thread went on on another CPU', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'voluntary', color: '--c1', value: perSecond('voluntaryContextSwitches'), fill: true },
    { label: 'involuntary', color: '--c2', value: perSecond('involuntaryContextSwitches') },
    { label: 'migrations', color: '--c3', value: each(metrics.migrationsPerSecond), optional: true }] }],
  [COUNTERS, { title: 'Page faults', unit: 'per second', help: 'minor: served from memory; major: read from disk', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'minor', color: '--c1', value: perSecond('minorFaults'), fill: true },
    { label: 'major', color: '--c2', value: perSecond('majorFaults') }] }],
];

/** @type {[string, ChartSpec][]} */
export const HARDWARE = [
  [COUNTERS, { title: 'Instructions per cycle', unit: 'IPC', help: 'instructions / cycles of the whole process', format: ratio, floor: 1, empty: 'Cycles or instructions are not counted here.', lines: [
    { label: 'IPC', color: '--c1', value: each(metrics.ipc), running: running('instructions', 'cycles') }] }],
  [COUNTERS, { title: 'Clock', unit: 'GHz while it ran', help: 'cycles / CPU time; where the kernel’s side is not counted, cycles / user time', format: ratio, floor: 1, empty: 'Cycles are not counted here.', lines: [
    { label: 'GHz', color: '--c3', value: each(metrics.ghz), running: running('cycles') }] }],
  [COUNTERS, { title: 'Misses', unit: 'per 1000 instructions', help: 'MPKI: last-level cache misses (on some Arm CPUs of the first level), and mispredicted branches', format: ratio, floor: 1, empty: 'Cache and branch misses are not counted here.', lines: [
    { label: 'cache', color: '--c2', value: each(metrics.cacheMpki), running: running('cacheMisses', 'instructions') },
    { label: 'branch', color: '--c4', value: each(metrics.branchMpki), running: running('branchMisses', 'instructions') }] }],
  [COUNTERS, { title: 'Miss rates', unit: '% of all', help: 'mispredicted branches of all branches; misses of all references to the last cache level', format: percent, floor: 0.01, ceiling: 1, empty: 'Branches and cache references are not counted here.', lines: [
    { label: 'branch', color: '--c4', value: each(metrics.branchMissRate), running: running('branchMisses', 'branches') },
    { label: 'cache', color: '--c2', value: each(metrics.cacheMissRate), running: running('cacheMisses', 'cacheReferences') }] }],
];

/** Kinds of threads, from the foot of a stack up. */
export const KINDS = [
  ['application', '--c1'],
  ['gc', '--c2'],
  ['jit', '--c4'],
  ['vm', '--c3'],
  ['agent', '--c0'],
];
const byKind = KINDS.map(([kind, color]) => ({ label: kind, color, value: field(kind) }));

/** Both are drawn from a series with a field for each kind. @type {ChartSpec} */
export const KIND_CPU = { title: 'CPU by kind of thread', unit: 'cores', help: 'pitot.ThreadKindCounters, one above the other: together they are the CPU time of the process; vm: other threads of the JVM itself; agent: Pitot’s own and JFR’s', format: cores, floor: 0.1, empty: 'Not measured in this window.', stacked: true, lines: byKind };
/** @type {ChartSpec} */
export const KIND_WAIT = { title: 'Wait for a CPU by kind', unit: 'threads waiting, mean', help: 'Run-queue wait / time, one above the other: how many threads on average could have run and had no CPU', format: cores, floor: 0.1, empty: 'Not measured in this window.', stacked: true, lines: byKind };

/** @type {[string, ChartSpec][]} */
export const AGENT = [
  ['pitot.AgentCost', { title: 'What Pitot costs', unit: '% of CPU time', help: 'pitot.AgentCost: CPU time of its threads, JFR’s, and of measuring, as a part of that of the process or of one CPU, whichever is more', format: percent, floor: 0.01, empty: 'Not measured in this window.', lines: [
    { label: 'share', color: '--c1', value: field('share'), fill: true },
    { label: 'budget', color: '--c0', value: field('budget'), dash: [4, 3], optional: true }] }],
];
