import { h, setAttribute, setChildren, setText } from './dom.js';
import { NONE, bytes, count, known, millis, percent, rate, sentence } from './format.js';

const COUNTERS = [
  ['cycles', 'Cycles', 'CPU cycles per request'],
  ['instructions', 'Instr.', 'Instructions per request'],
  ['cacheMisses', 'Cache miss', 'Last-level cache misses per request'],
  ['branchMisses', 'Branch miss', 'Mispredicted branches per request'],
];

/** Ends of the scale of the latency bars, ms: logarithmic, so that one slow endpoint does not make all others dots. */
let shortest = 1;
let longest = 10;

/** @returns {import('./table.js').Column[]} */
export function endpointColumns() {
  const plain = (key, label, title, format) => ({ key, label, title, number: true, value: row => row[key], text: row => format(row[key]) });
  return [
    { key: 'route', label: 'Endpoint', value: row => row.route + row.method, draw: drawName },
    plain('rate', 'Req/s', 'Requests per second', rate),
    { key: 'errors', label: 'Errors', title: 'Failed requests and their share', number: true, value: row => row.errors, text: row => (!known(row.errors) ? NONE : row.errors ? `${count(row.errors)} (${percent(row.errors / row.count)})` : '0'), tone: row => (row.errors > 0 ? 'bad' : '') },
    { key: 'latency', label: 'p50 to p99', title: 'From the median to the 99th percentile, on one logarithmic scale for all endpoints', value: row => row.p99, draw: drawBar },
    plain('mean', 'Mean', 'Mean duration', millis),
    plain('p50', 'p50', 'Median duration', millis),
    plain('p90', 'p90', '90th percentile', millis),
    plain('p99', 'p99', '99th percentile', millis),
    plain('max', 'Max', 'Longest request', millis),
    plain('cpu', 'CPU', 'CPU time of the request’s thread, per request', millis),
    plain('allocated', 'Alloc.', 'Bytes allocated by the request’s thread, per request', bytes),
    ...COUNTERS.map(([key, label, title]) => plain(key, label, title, count)),
  ];
}

function drawName(cell, row) {
  const share = row.async === row.count ? 'async' : `async ${percent(row.async / row.count)}`;
  setChildren(cell, row.async > 0 ? share : 'made', () =>
    h('span.endpoint', { title: `${row.method} ${row.route}` },
      h('span.method', null, row.method),
      row.route,
      row.async > 0 && h('span.async', { title: 'Handled on other threads: no duration here is of these requests, and their CPU time and allocation are those of the first thread' }, share)));
}

function drawBar(cell, row) {
  setChildren(cell, 'made', () => h('span.range', { role: 'presentation' }, h('i')));
  const bar = cell.firstChild.firstChild;
  const share = value => Math.min(1, Math.max(0, Math.log(value / shortest) / Math.log(longest / shortest))) * 94;
  bar.hidden = !known(row.p50) || !known(row.p99);
  bar.style.left = `${share(row.p50).toFixed(1)}%`;
  bar.style.width = `${(6 + share(row.p99) - share(row.p50)).toFixed(1)}%`;
  setAttribute(cell, 'title', `p50 ${millis(row.p50)}, p99 ${millis(row.p99)}`);
}

/**
 * Hides the columns that no row has a value for.
 *
 * @returns {string} why, for people; empty when nothing is hidden
 */
export function hideAbsent(table, rows, status) {
  longest = Math.max(...rows.map(row => row.p99 ?? 0), 0.01);
  shortest = Math.min(...rows.map(row => row.p50).filter(value => value > 0), longest / 10);
  const absent = key => !rows.some(row => known(row[key]));
  const hidden = ['cpu', 'allocated', ...COUNTERS.map(([key]) => key)].filter(absent);
  table.hide(new Set(rows.length ? hidden : []));
  if (!rows.length || !hidden.length) return '';
  const sentences = [];
  const counters = COUNTERS.filter(([key]) => hidden.includes(key)).map(([key]) => ({ cycles: 'cycles', instructions: 'instructions', cacheMisses: 'cache misses', branchMisses: 'branch misses' })[key]);
  if (counters.length) {
    const off = part => status.find(entry => entry.part === part && entry.state !== 'on');
    const why = off('hardware counters') ? 'see Hardware counters below.' : off('thread counters') ? 'see thread counters under Agent below.' : 'none was measured in this minute.';
    sentences.push(`Not shown: ${counters.join(', ')} per request; ${why}`);
  }
  const own = ['cpu', 'allocated'].filter(key => hidden.includes(key)).map(key => ({ cpu: 'CPU time', allocated: 'allocation' })[key]);
  if (own.length) {
    const why = status.find(entry => entry.part === 'thread counters' && entry.state !== 'on')?.reason;
    sentences.push(`Not shown: ${own.join(' and ')} per request, as no request here was served by a single thread that could be measured.${why ? ' ' + sentence(why) : ''}`);
  }
  return sentences.join(' ');
}
