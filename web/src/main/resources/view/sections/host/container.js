import { h } from '../../dom.js';
import { bytes, cores, count, known, percent, ratio } from '../../format.js';
import { each, metrics, overall, perInterval } from '../../metrics.js';

const CPU = 'pitot.CgroupCpu';
const MEMORY = 'pitot.CgroupMemory';

/** @type {[string, import('../../chart.js').ChartSpec][]} */
const CPU_CHART = [[CPU, { title: 'CPU of the group', unit: 'cores', help: 'pitot.CgroupCpu: usageTime and limit', format: cores, floor: 0.1, empty: 'Not measured in this window.', lines: [
  { label: 'used', color: '--c1', value: each(perInterval('usageTime')), fill: true },
  { label: 'limit', color: '--c0', value: each(v => v('limit')), dash: [4, 3], beyond: true, optional: true }] }]];
/** @type {[string, import('../../chart.js').ChartSpec][]} */
const THROTTLED = [[CPU, { title: 'Throttled', unit: '% of the periods', help: 'throttledPeriods / periods: in these the group had used up its limit and had to wait', format: percent, floor: 0.05, ceiling: 1, empty: 'Not measured in this window.', lines: [
  { label: 'throttled', color: '--c2', value: each(metrics.throttledShare), fill: true }] }]];
/** @type {[string, import('../../chart.js').ChartSpec][]} */
const MEMORY_CHART = [[MEMORY, { title: 'Memory of the group', unit: 'bytes', help: 'pitot.CgroupMemory; the working set is what counts against the limit: used less files that can be dropped', format: bytes, floor: 1048576, empty: 'Not measured in this window.', lines: [
  { label: 'working set', color: '--c1', value: each(v => v('workingSet')), fill: true },
  { label: 'used', color: '--c3', value: each(v => v('used')) },
  { label: 'swap', color: '--c2', value: each(v => v('swapUsed')), optional: true },
  { label: 'limit', color: '--c0', value: each(v => v('limit')), dash: [4, 3], beyond: true, optional: true }] }]];

export const container = {
  id: 'host-container',
  title: 'Control group',
  types: [CPU, MEMORY],

  /** In the root of all groups without a limit: nothing that is not said of the machine already. */
  line({ samples, from }, since) {
    const group = samples.of(CPU);
    const own = samples.of(MEMORY);
    const cpus = group.newest('limit');
    const limit = own.newest('limit');
    const working = own.newest('workingSet') ?? own.newest('used');
    if (!known(cpus) && !known(working)) return null;
    const used = overall(perInterval('usageTime'), group, since);
    const throttled = overall(metrics.throttledShare, group, since);
    return [
      known(used) && (known(cpus) ? `${cores(used)} of ${ratio(cpus)} CPUs used` : `${cores(used)} CPUs used`),
      throttled > 0 && `throttled in ${percent(throttled)} of the periods`,
      known(working) && (known(limit) ? `${bytes(working)} of ${bytes(limit)} memory used` : `${bytes(working)} memory used`),
      known(own.newest('tasks')) && (known(own.newest('taskLimit')) ? `${count(own.newest('tasks'))} of ${count(own.newest('taskLimit'))} tasks` : `${count(own.newest('tasks'))} tasks`),
      !known(cpus) && !known(limit) && 'no limit of CPU or memory',
      overall(v => v('outOfMemoryKills'), own, from) > 0 && 'killed for lack of memory',
    ].filter(Boolean).join(' · ');
  },

  absent({ samples }) {
    return [!known(samples.of(CPU).newest('limit')) && !known(samples.of(MEMORY).newest('workingSet')) && 'a control group of its own'];
  },

  make(page) {
    const { samples } = page;
    const charts = page.makeCharts([
      ...CPU_CHART,
      ...(known(samples.of(CPU).newest('limit')) ? THROTTLED : []),
      ...(known(samples.of(MEMORY).newest('used')) ? MEMORY_CHART : []),
    ]);
    return {
      charts: charts.map(([, chart]) => chart),
      elements: [h('div.grid', null, ...charts.map(([, chart]) => chart.element))],
      show: () => page.draw(charts),
    };
  },
};
