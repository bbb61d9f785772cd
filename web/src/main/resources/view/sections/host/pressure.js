import { h } from '../../dom.js';
import { known, percent } from '../../format.js';
import { each, metrics, overall, perInterval } from '../../metrics.js';
import { Series } from '../../series.js';
import { EDGE, joined } from '../../samples.js';

const PRESSURE = 'pitot.Pressure';
const RESOURCES = [['cpu', 'CPU'], ['memory', 'memory'], ['io', 'I/O']];

const chart = ([resource, name]) => ({
  title: `Pressure, ${name}`, unit: '% of the time', help: `pitot.Pressure: part of the time in which some task, or all of them, waited for ${name}, of the machine and of the control group`, format: percent, floor: 0.02, ceiling: 1, empty: 'Not measured in this window.', lines: [
    { label: 'some', color: '--c1', value: each(v => v(`host ${resource}`)), fill: true, optional: true },
    { label: 'all', color: '--c2', value: each(v => v(`all host ${resource}`)), optional: true },
    { label: 'some of the group', color: '--c3', value: each(v => v(`cgroup ${resource}`)), optional: true },
    { label: 'all of the group', color: '--c4', value: each(v => v(`all cgroup ${resource}`)), optional: true }] });

export const pressure = {
  id: 'host-pressure',
  title: 'Pressure',
  types: [PRESSURE],

  line({ samples }, since) {
    const of = (scope, before) => {
      const values = RESOURCES.map(([resource, name]) => [name, overall(metrics.pressureShare, samples.keys(PRESSURE).get(`${scope} ${resource}`), since)]);
      const said = values.filter(([, value]) => known(value)).map(([name, value]) => `${name} ${percent(value)}`).join(', ');
      return said && before + said;
    };
    const parts = [of('host', 'tasks waited, of the time, for '), of('cgroup', 'in the control group for ')].filter(Boolean);
    return samples.keys(PRESSURE).size ? parts.join(' · ') || 'not known of the newest seconds' : null;
  },

  absent({ samples }) {
    return [!samples.keys(PRESSURE).size && 'pressure (PSI)'];
  },

  make(page) {
    const charts = RESOURCES.map(resource => page.makeChart(chart(resource)));
    return {
      charts,
      elements: [h('div.grid', null, ...charts.map(one => one.element))],
      show: () => {
        const keys = page.samples.keys(PRESSURE);
        const some = joined(keys, each(metrics.pressureShare), page.from - EDGE);
        const all = joined(keys, each(perInterval('fullTime')), page.from - EDGE);
        const series = new Series(Infinity);
        series.t = some.t;
        series.fields = { ...some.fields, ...Object.fromEntries(Object.entries(all.fields).map(([key, values]) => [`all ${key}`, values])) };
        for (const one of charts) one.update(series, page.from, page.to);
      },
    };
  },
};
