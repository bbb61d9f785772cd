import { h, setAttribute, setChildren } from './dom.js';
import { known, millis, percent } from './format.js';
import { showsTip } from './tip.js';

/**
 * What the duration of a span is made of, in the order in which a bar shows it: first what the CPU, the JVM and its threads did, then
 * what others were asked for. Name in the API, label, and what it means.
 */
export const PARTS = [
  ['onCpu', 'On CPU', 'its thread ran'],
  ['runQueue', 'Wait for a CPU', 'its thread could have run and no CPU was free'],
  ['pause', 'JVM pause', 'garbage collection and safepoints stopped all threads'],
  ['lock', 'Lock', 'monitors and locks of java.util.concurrent'],
  ['park', 'Park', 'sleep, park and Object.wait'],
  ['sql', 'SQL', 'statements, off the CPU'],
  ['pool', 'Pool', 'wait for a pooled connection'],
  ['call', 'HTTP call', 'calls to other servers, off the CPU'],
  ['socket', 'Socket', 'other network I/O that blocks'],
  ['file', 'File', 'file I/O that blocks'],
  ['handoff', 'Hand-off', 'no thread worked on it'],
  ['unknown', 'Unknown', 'native code that blocks, page faults from disk, time a hypervisor took'],
];

/** Narrower ones would not be seen; they are in the text. */
const LEAST_SHARE = 0.004;

/**
 * The parts of a single span, ms; null where none is known.
 *
 * @param {Record<string, number | null>} data of its event
 */
export function partsOf(data) {
  const time = {};
  for (const [key] of PARTS) {
    const value = data[`time${key[0].toUpperCase()}${key.slice(1)}`];
    if (known(value)) time[key] = value / 1e6;
  }
  return Object.keys(time).length ? time : null;
}

const total = time => Object.values(time).reduce((sum, value) => sum + value, 0);
/** A part in two thousand is less than what measuring it is off by. */
const present = time => PARTS.filter(([key]) => time[key] >= total(time) / 2000);
const swatch = key => h('i.swatch', { 'data-part': key });

/** As words, the largest part first. */
export const inWords = time => present(time).sort((a, b) => time[b[0]] - time[a[0]])
  .map(([key, label]) => `${label} ${millis(time[key])} (${percent(time[key] / total(time))})`).join(', ');

/** Each part with its share, the largest first. */
export function partList(time) {
  return h('ul.partlist', null, ...present(time).sort((a, b) => time[b[0]] - time[a[0]]).map(([key, label, meaning]) => h('li', { title: meaning },
    swatch(key), h('span', null, label), h('b', null, millis(time[key])), h('span.dim', null, percent(time[key] / total(time))))));
}

/** What the colours mean, of the parts that any of these has. */
export const legendOf = times => PARTS.filter(([key]) => times.some(time => time?.[key] / total(time ?? {}) >= LEAST_SHARE));
export const legend = parts => parts.map(([key, label, meaning]) => h('li', { title: meaning }, swatch(key), label));

/** A bar of the parts, all of it one span or the mean of many; its parts as words for who cannot see it, and pointed at as a list. */
export function drawParts(place, time) {
  const sum = time ? total(time) : 0;
  if (!(sum > 0)) {
    setChildren(place, 'none', () => h('span.dim', null, '–'));
    return;
  }
  setChildren(place, 'bar', () => {
    const made = h('span.split', { role: 'img', tabindex: '0' });
    showsTip(made, () => [h('strong', null, millis(total(made.time))), partList(made.time)]);
    return made;
  });
  const bar = place.firstChild;
  bar.time = time;
  setAttribute(bar, 'aria-label', inWords(time));
  const shown = PARTS.filter(([key]) => time[key] / sum >= LEAST_SHARE);
  setChildren(bar, shown.map(([key]) => key).join(), () => shown.map(([key]) => h('i', { 'data-part': key })));
  shown.forEach(([key], i) => {
    const grow = ((time[key] / sum) * 1000).toFixed(0);
    if (bar.children[i].style.flexGrow !== grow) bar.children[i].style.flexGrow = grow;
  });
}
