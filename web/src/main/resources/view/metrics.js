import { known } from './format.js';

/**
 * The derived metrics of docs/spec/metrics.md, by the names there. Each takes `v`, which gives a field of the event by its
 * name, null where it is N/A. A formula with an operand that is N/A is N/A, and so is a quotient by zero.
 *
 * @typedef {(v: (field: string) => any) => number | null} Metric
 */

/** Nanoseconds; the sample that a JVM commits at its end covers a few milliseconds, and a rate over those is noise. */
const SHORTEST_INTERVAL = 5e8;

const quotient = (above, below, scale = 1) => (known(above) && below > 0 ? (above / below) * scale : null);
const sum = (...parts) => (parts.every(known) ? parts.reduce((total, part) => total + part, 0) : null);
/** Of a time or an amount within `interval`; times and the interval are both in ns. */
const share = (v, value) => (v('interval') >= SHORTEST_INTERVAL ? quotient(value, v('interval')) : null);
const rate = (v, value) => {
  const perNano = share(v, value);
  return perNano === null ? null : perNano * 1e9;
};
/** CPU time, ns: of a kind and a thread one field; of the process two, or one that holds both where Java said it. */
const cpu = v => v('cpuTime') ?? (v('softwareSource') === 'java' ? v('userTime') : sum(v('userTime'), v('systemTime')));
const userOnly = v => v('hardwareSource') === 'perf, user only';
const busy = (idle, all) => {
  const part = quotient(idle, all);
  return part === null ? null : 1 - part;
};

/** A field per second. @returns {Metric} */
export const perSecond = field => v => rate(v, v(field));
/** A field, a time, as share of the interval; of several threads the mean number of them. @returns {Metric} */
export const perInterval = field => v => share(v, v(field));

export const metrics = Object.freeze({
  cpuCores: v => share(v, cpu(v)),
  runQueueWaitShare: v => quotient(v('runQueueWait'), sum(v('runQueueWait'), cpu(v))),
  contextSwitchesPerSecond: v => rate(v, sum(v('voluntaryContextSwitches'), v('involuntaryContextSwitches'))),
  migrationsPerSecond: perSecond('cpuMigrations'),
  pageFaultsPerSecond: v => rate(v, sum(v('minorFaults'), v('majorFaults'))),
  ghz: v => quotient(v('cycles'), userOnly(v) ? v('userTime') : cpu(v)),
  ipc: v => quotient(v('instructions'), v('cycles')),
  cacheMpki: v => quotient(v('cacheMisses'), v('instructions'), 1000),
  cacheMissRate: v => quotient(v('cacheMisses'), v('cacheReferences')),
  branchMpki: v => quotient(v('branchMisses'), v('instructions'), 1000),
  branchMissRate: v => quotient(v('branchMisses'), v('branches')),

  /** Of two events: `v` gives the fields of `pitot.ProcessCounters`, and `cpus` and `limit` of the others. */
  cpuUtilisation: v => quotient(metrics.cpuCores(v), Math.min(...[v('cpus'), v('limit')].filter(known))),

  perSecond: perSecond('value'),
  perKiloInstruction: v => quotient(v('value'), v('groupInstructions'), 1000),
  perCycle: v => quotient(v('value'), v('groupCycles')),

  hostCpuUtilisation: v => busy(sum(v('idleTime'), v('ioWaitTime')), sum(...HOST_TIMES.map(v))),
  coreUtilisation: v => busy(sum(v('idleTime'), v('ioWaitTime')), sum(...CORE_TIMES.map(v))),
  diskReadLatency: v => quotient(v('readTime'), v('reads')),
  diskWriteLatency: v => quotient(v('writeTime'), v('writes')),
  diskBusy: perInterval('busyTime'),
  diskQueue: perInterval('queueTime'),
  pressureShare: perInterval('someTime'),
  throttledShare: v => quotient(v('throttledPeriods'), v('periods')),
});

const HOST_TIMES = ['userTime', 'niceTime', 'systemTime', 'ioWaitTime', 'irqTime', 'softIrqTime', 'stealTime', 'idleTime'];
const CORE_TIMES = ['userTime', 'systemTime', 'ioWaitTime', 'irqTime', 'stealTime', 'idleTime'];
/** Part of the machine's CPU time that went into these fields of `pitot.HostCpu`. @returns {Metric} */
export const hostShare = (...fields) => v => quotient(sum(...fields.map(v)), sum(...HOST_TIMES.map(v)));
/** The same of one CPU, `pitot.HostCore`. @returns {Metric} */
export const coreShare = (...fields) => v => quotient(sum(...fields.map(v)), sum(...CORE_TIMES.map(v)));

const METHODS = {
  metrics: v => {
    const parts = ['topdown-retiring', 'topdown-bad-spec', 'topdown-fe-bound', 'topdown-be-bound'].map(v);
    return parts.map(part => quotient(part, sum(...parts)));
  },
  slots: v => {
    const total = v('topdown-total-slots');
    const lost = sum(v('topdown-slots-issued'), v('topdown-recovery-bubbles'));
    const parts = [quotient(v('topdown-slots-retired'), total), known(lost) && known(v('topdown-slots-retired')) ? quotient(lost - v('topdown-slots-retired'), total) : null, quotient(v('topdown-fetch-bubbles'), total)];
    return [...parts, sum(...parts) === null ? null : 1 - sum(...parts)];
  },
  'stall slots': v => {
    const total = sum(v('op_spec'), v('stall_slot'));
    const wasted = known(v('op_spec')) && known(v('op_retired')) ? v('op_spec') - v('op_retired') : null;
    return [v('op_retired'), wasted, v('stall_slot_frontend'), v('stall_slot_backend')].map(part => quotient(part, total));
  },
};

/**
 * Top-down, level 1, by the first method whose counters are all there.
 *
 * @param {(counter: string) => number | null} v the value of a counter, all over the same time
 * @returns {{method: string, retiring: number, badSpeculation: number, frontendBound: number, backendBound: number} | null}
 */
export function topDown(v) {
  for (const [method, formulas] of Object.entries(METHODS)) {
    const [retiring, badSpeculation, frontendBound, backendBound] = formulas(v);
    if ([retiring, badSpeculation, frontendBound, backendBound].every(known)) return { method, retiring, badSpeculation, frontendBound, backendBound };
  }
  return null;
}

/** A metric of one sample of a series, as a line of a chart wants it. @param {Metric} metric */
export const each = metric => (fields, i) => metric(field => fields[field]?.[i] ?? null);

/**
 * A metric over all samples after a time: the quotient of sums, of those samples in which it is known at all.
 *
 * @param {Metric} metric of fields that may be added up
 * @param {import('./series.js').Series | undefined} series
 * @param {number} since ms, exclusive
 */
export function overall(metric, series, since) {
  if (!series) return null;
  const value = each(metric);
  const counted = [];
  for (let i = series.from(since + 1); i < series.t.length; i++) if (known(value(series.fields, i))) counted.push(i);
  if (!counted.length) return null;
  return metric(field => {
    const values = counted.map(i => series.fields[field]?.[i] ?? null);
    return values.every(known) ? values.reduce((total, one) => total + one, 0) : values[values.length - 1];
  });
}
