import { h, setAttribute, setChildren } from './dom.js';
import { NONE, bytes, count, known, millis, percent, rate, ratio, sentence } from './format.js';
import { drawParts } from './parts.js';

/** Ends of the scale of the latency bars, ms: logarithmic, so that one slow row does not make all others dots. */
let shortest = 1;
let longest = 10;

const ipc = row => (row.cycles > 0 && known(row.instructions) ? row.instructions / row.cycles : null);
const mpki = key => row => (row.instructions > 0 && known(row[key]) ? (row[key] / row.instructions) * 1000 : null);

const column = (key, label, title, format, value = row => row[key]) => ({ key, label, title, number: true, value, text: row => format(value(row)) });

/** What is measured of every kind of span; those that no row has are hidden. Key and what it is called in a sentence. */
const MEASURED = [
  ['cpu', 'CPU time'],
  ['runQueueWait', 'the wait for a CPU'],
  ['allocated', 'allocation'],
];
const COUNTED = [
  ['ipc', 'instructions per cycle'],
  ['cacheMpki', 'cache misses'],
  ['branchMpki', 'branch misses'],
  ['instructions', 'instructions'],
  ['cycles', 'cycles'],
];

/**
 * Columns that all tables of spans have.
 *
 * @param {{of: string, rate: string, slowest: string}} words for one of them
 * @returns {import('./table.js').Column[]}
 */
export function spanColumns({ of, rate: perSecond, slowest }) {
  return [
    column('rate', perSecond, 'Per second', rate),
    { key: 'time', label: 'Where the time goes', title: `Parts of the mean duration of a ${of}; point at a bar for the figures`, value: row => row.mean, draw: (cell, row) => drawParts(cell, row.time) },
    { ...column('errors', 'Errors', 'Those that failed, and their share'), text: row => (!known(row.errors) ? NONE : row.errors ? `${count(row.errors)} (${percent(row.errors / row.count)})` : '0'), tone: row => (row.errors > 0 ? 'bad' : '') },
    { key: 'latency', label: 'p50 to p99', title: 'From the median to the 99th percentile, on one logarithmic scale for all rows', value: row => row.p99, draw: drawLatency },
    column('mean', 'Mean', 'Mean duration', millis),
    column('p50', 'p50', 'Median duration', millis),
    column('p90', 'p90', '90th percentile', millis),
    column('p99', 'p99', '99th percentile', millis),
    column('max', 'Max', `Longest ${slowest}`, millis),
    column('cpu', 'CPU', `CPU time of all threads that worked on a ${of}, mean`, millis),
    column('runQueueWait', 'CPU wait', `How long a ${of} waited for a CPU, mean`, millis),
    column('allocated', 'Alloc.', `Bytes allocated by a ${of}, mean`, bytes),
  ];
}

/** How much of the time one of them was under way: the order in which the tables within a request are at first. */
export const busy = of => column('total', 'Busy', `How much of the time a ${of} was under way; above 100 % several at once`, value => percent(value / 1000), row => row.rate * (row.mean ?? 0));

/** Counters, at the right end. */
export const counterColumns = of => [
  column('ipc', 'IPC', 'Instructions per cycle', ratio, ipc),
  column('cacheMpki', 'Cache miss', 'Last-level cache misses per 1000 instructions', ratio, mpki('cacheMisses')),
  column('branchMpki', 'Branch miss', 'Mispredicted branches per 1000 instructions', ratio, mpki('branchMisses')),
  column('instructions', 'Instr.', `Instructions per ${of}`, count),
  column('cycles', 'Cycles', `CPU cycles per ${of}`, count),
  column('running', 'Counted', 'Part of the time in which the counters ran; below 100 % they are scaled up', percent),
];

/** A number per request, of which most are small. */
export const perRequest = (key, label, title) => column(key, label, title, value => (known(value) ? ratio(value).replace(/\.0+$/, '') : NONE));

function drawLatency(cell, row) {
  setChildren(cell, 'made', () => h('span.range', { role: 'presentation' }, h('i')));
  const bar = cell.firstChild.firstChild;
  const share = value => Math.min(1, Math.max(0, Math.log(value / shortest) / Math.log(longest / shortest))) * 94;
  bar.hidden = !known(row.p50) || !known(row.p99);
  bar.style.left = `${share(row.p50).toFixed(1)}%`;
  bar.style.width = `${(6 + share(row.p99) - share(row.p50)).toFixed(1)}%`;
  setAttribute(cell, 'title', `p50 ${millis(row.p50)}, p99 ${millis(row.p99)}`);
}

/**
 * Sets the scale of the latency bars and hides the columns that no row has a value for.
 *
 * @param {import('./table.js').Table} table
 * @param {string[]} others further columns that may have nothing
 * @returns {string} why, for people; empty when nothing is hidden
 */
export function hideAbsent(table, rows, status, others = []) {
  longest = Math.max(...rows.map(row => row.p99 ?? 0), 0.01);
  shortest = Math.min(...rows.map(row => row.p50).filter(value => value > 0), longest / 10);
  const values = new Map(table.columns.map(one => [one.key, one.value]));
  const absent = key => !rows.some(row => known(values.get(key)?.(row)));
  const hidden = [...MEASURED, ...COUNTED].map(([key]) => key).filter(absent);
  const zero = others.filter(key => !rows.some(row => row[key] > 0));
  const timeless = !rows.some(row => row.time);
  const whole = !rows.some(row => row.running < 0.995);
  table.hide(new Set(rows.length ? [...hidden, ...zero, timeless && 'time', whole && 'running'] : []));
  if (!rows.length) return '';
  const entry = part => status.find(one => one.part === part && one.state !== 'on');
  const named = list => list.filter(([key]) => hidden.includes(key)).map(([, label]) => label);
  const sentences = [];
  const counters = named(COUNTED);
  if (counters.length) {
    const why = entry('hardware counters') ? 'see Hardware counters below.' : entry('thread counters') ? 'see thread counters under Agent below.' : 'none was measured in this minute.';
    sentences.push(`Not shown: ${counters.join(', ')}; ${why}`);
  }
  const measured = [...named(MEASURED), ...(timeless ? ['where the time goes'] : [])];
  if (measured.length) {
    const why = (entry('thread counters') ?? entry('virtual threads'))?.reason;
    sentences.push(`Not shown: ${measured.join(', ')}, which could not be measured here.${why ? ' ' + sentence(why) : ''}`);
  }
  return sentences.join(' ');
}
