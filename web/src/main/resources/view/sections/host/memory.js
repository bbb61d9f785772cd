import { h } from '../../dom.js';
import { bytes, count, known, whole } from '../../format.js';
import { each, overall, perSecond } from '../../metrics.js';

const MEMORY = 'pitot.HostMemory';
const PAGING = 'pitot.HostPaging';
const field = name => each(v => v(name));

/** @type {[string, import('../../chart.js').ChartSpec][]} */
const CHARTS = [
  [MEMORY, { title: 'Memory of the machine', unit: 'bytes', help: 'pitot.HostMemory; cached: files, which make room when memory is wanted; available: what programs can still have', format: bytes, floor: 1048576, empty: 'Not measured in this window.', lines: [
    { label: 'used', color: '--c1', value: field('used'), fill: true },
    { label: 'cached', color: '--c3', value: field('cached') },
    { label: 'available', color: '--c4', value: field('available'), optional: true },
    { label: 'total', color: '--c0', value: field('total'), dash: [4, 3], beyond: true }] }],
  [PAGING, { title: 'Paging', unit: 'bytes per second', help: 'pitot.HostPaging: what was read from and written to disks', format: bytes, floor: 1048576, empty: 'Not measured in this window.', lines: [
    { label: 'in', color: '--c1', value: each(perSecond('pagedIn')), fill: true },
    { label: 'out', color: '--c2', value: each(perSecond('pagedOut')) }] }],
  [PAGING, { title: 'Page faults of the machine', unit: 'per second', help: 'major: read from disk', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'all', color: '--c1', value: each(perSecond('faults')), fill: true },
    { label: 'of it major', color: '--c2', value: each(perSecond('majorFaults')) }] }],
];

/** @type {[string, import('../../chart.js').ChartSpec][]} */
const SWAP = [
  [MEMORY, { title: 'Swap', unit: 'bytes', help: 'pitot.HostMemory', format: bytes, floor: 1048576, empty: 'Not measured in this window.', lines: [
    { label: 'used', color: '--c2', value: field('swapUsed'), fill: true },
    { label: 'total', color: '--c0', value: field('swapTotal'), dash: [4, 3], beyond: true }] }],
  [PAGING, { title: 'Swapping', unit: 'pages per second', help: 'pitot.HostPaging', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'in', color: '--c1', value: each(perSecond('swappedIn')), fill: true },
    { label: 'out', color: '--c2', value: each(perSecond('swappedOut')) }] }],
];

export const memory = {
  id: 'host-memory',
  title: 'Memory',
  types: [MEMORY, PAGING],

  line({ samples, from }) {
    const series = samples.of(MEMORY);
    if (!known(series.newest('total'))) return null;
    const swap = series.newest('swapUsed');
    const kills = overall(v => v('outOfMemoryKills'), samples.of(PAGING), from);
    return [
      known(series.newest('used')) && `${bytes(series.newest('used'))} of ${bytes(series.newest('total'))} used`,
      known(series.newest('cached')) && `${bytes(series.newest('cached'))} cached`,
      known(series.newest('available')) && `${bytes(series.newest('available'))} available`,
      swap > 0 && `${bytes(swap)} of ${bytes(series.newest('swapTotal'))} swap used`,
      kills > 0 && `${count(kills)} killed for lack of memory`,
    ].filter(Boolean).join(' · ');
  },

  absent({ samples }) {
    return [!(samples.of(MEMORY).newest('swapTotal') > 0) && 'swap'];
  },

  make(page) {
    const charts = page.makeCharts(page.samples.of(MEMORY).newest('swapTotal') > 0 ? [...CHARTS, ...SWAP] : CHARTS);
    return {
      charts: charts.map(([, chart]) => chart),
      elements: [h('div.grid', null, ...charts.map(([, chart]) => chart.element))],
      show: () => page.draw(charts),
    };
  },
};
