import { h } from '../../dom.js';
import { NONE, count, hertz, known, percent, ratio, whole } from '../../format.js';
import { coreShare, each, hostShare, metrics, overall, perSecond } from '../../metrics.js';
import { Table } from '../../table.js';

const CPU = 'pitot.HostCpu';
const CORE = 'pitot.HostCore';
const degrees = value => (known(value) ? `${Math.round(value)}\u202f°C` : NONE);

/** @type {[string, import('../../chart.js').ChartSpec][]} */
const CHARTS = [
  [CPU, { title: 'CPU of the machine', unit: '% of its time', help: 'pitot.HostCpu, one above the other; user holds nice, irq holds softirq; steal: the hypervisor gave the CPU to others', format: percent, floor: 0.05, ceiling: 1, empty: 'Not measured in this window.', stacked: true, lines: [
    { label: 'user', color: '--c1', value: each(hostShare('userTime', 'niceTime')) },
    { label: 'system', color: '--c2', value: each(hostShare('systemTime')) },
    { label: 'irq', color: '--c0', value: each(hostShare('irqTime', 'softIrqTime')) },
    { label: 'steal', color: '--c3', value: each(hostShare('stealTime')) },
    { label: 'iowait', color: '--c4', value: each(hostShare('ioWaitTime')) }] }],
  [CPU, { title: 'Load', unit: 'tasks', help: 'running: at this moment; 1 and 15 min: the kernel’s damped averages of tasks that run, wait for a CPU or wait for a disk', format: ratio, floor: 1, empty: 'Not measured in this window.', lines: [
    { label: 'running', color: '--c0', value: each(v => v('running')) },
    { label: '1 min', color: '--c1', value: each(v => v('load1')), fill: true },
    { label: '15 min', color: '--c3', value: each(v => v('load15')), dash: [4, 3] }] }],
  [CPU, { title: 'Switches and interrupts', unit: 'per second', help: 'pitot.HostCpu: all of the machine', format: whole, floor: 10, empty: 'Not measured in this window.', lines: [
    { label: 'context switches', color: '--c1', value: each(perSecond('contextSwitches')), fill: true },
    { label: 'interrupts', color: '--c2', value: each(perSecond('interrupts')) },
    { label: 'forks', color: '--c4', value: each(perSecond('forks')) }] }],
];

const columns = () => {
  const share = (key, label) => ({ key, label, number: true, value: row => row[key], text: row => percent(row[key]) });
  return [
    { key: 'core', label: 'CPU', value: row => Number(row.core), text: row => row.core },
    share('busy', 'Busy'), share('user', 'User'), share('system', 'System'), share('iowait', 'I/O wait'), share('steal', 'Steal'),
    { key: 'frequency', label: 'Clock', number: true, value: row => row.frequency, text: row => hertz(row.frequency) },
    { key: 'temperature', label: 'Temperature', number: true, value: row => row.temperature, text: row => degrees(row.temperature) },
  ];
};

export const cpu = {
  id: 'host-cpu',
  title: 'CPU',
  types: [CPU, CORE],

  line({ samples }, since) {
    const series = samples.of(CPU);
    const used = overall(metrics.hostCpuUtilisation, series, since);
    if (!known(used)) return series.t.length ? 'not known of the newest seconds' : null;
    const steal = overall(hostShare('stealTime'), series, since);
    const ioWait = overall(hostShare('ioWaitTime'), series, since);
    const temperature = series.newest('temperature');
    return [
      `${percent(used)} of ${count(series.newest('cpus'))} CPUs`,
      steal > 0.005 && `of it ${percent(steal)} stolen by the hypervisor`,
      ioWait > 0.005 && `${percent(ioWait)} waiting for disks`,
      known(series.newest('load1')) && `load ${ratio(series.newest('load1'))}`,
      known(series.newest('frequency')) && hertz(series.newest('frequency')),
      known(temperature) && degrees(temperature),
    ].filter(Boolean).join(' · ');
  },

  absent({ samples }) {
    const series = samples.of(CPU);
    return [!known(series.newest('temperature')) && 'CPU temperature', !known(series.newest('frequency')) && 'CPU frequency'];
  },

  make(page) {
    const charts = page.makeCharts(CHARTS);
    const table = new Table('CPUs', columns(), row => row.core, 'core', () => {});
    const place = h('div.panel.scroll.block', { tabindex: '0', role: 'region', 'aria-label': 'CPUs, scrolls sideways' }, table.element);
    return {
      charts: charts.map(([, chart]) => chart),
      elements: [h('div.grid', null, ...charts.map(([, chart]) => chart.element)), place],
      show: since => {
        page.draw(charts);
        const rows = [...page.samples.keys(CORE)].map(([core, series]) => ({
          core,
          busy: overall(metrics.coreUtilisation, series, since),
          user: overall(coreShare('userTime'), series, since),
          system: overall(coreShare('systemTime'), series, since),
          iowait: overall(coreShare('ioWaitTime'), series, since),
          steal: overall(coreShare('stealTime'), series, since),
          frequency: series.newest('frequency'),
          temperature: series.newest('temperature'),
        })).filter(row => known(row.busy));
        place.hidden = !rows.length;
        table.hide(new Set(['frequency', 'temperature'].filter(key => !rows.some(row => known(row[key])))));
        table.update(rows);
      },
    };
  },
};
