import { h } from '../dom.js';
import { Fold } from '../fold.js';
import { NONE, cores, count, known, percent, ratio } from '../format.js';
import { each, metrics, overall, perInterval } from '../metrics.js';
import { KIND_CPU, KIND_WAIT, SOFTWARE } from '../panels.js';
import { EDGE, joined } from '../samples.js';
import { Table } from '../table.js';

const KINDS = 'pitot.ThreadKindCounters';
const TOP = 'pitot.TopThread';
/** The table and the line are of the newest seconds, ms: of one second they would only flicker. */
const NEWEST = 10_000;
/** More came among the top ones in one second or another. */
const SHOWN = 10;

const columns = () => [
  { key: 'name', label: 'Thread', title: 'As the kernel has it: the first 15 characters', value: row => row.name, text: row => row.name },
  { key: 'kind', label: 'Kind', value: row => row.kind, text: row => row.kind },
  { key: 'id', label: 'OS thread', title: 'The number that top -H shows', number: true, value: row => row.id, text: row => (row.id === null ? NONE : String(row.id)) },
  { key: 'cpu', label: 'CPU', title: '100 % is one CPU all the time', number: true, value: row => row.cpu, text: row => percent(row.cpu) },
  { key: 'wait', label: 'Wait for a CPU', title: 'Part of the time in which it could have run and had no CPU', number: true, value: row => row.wait, text: row => percent(row.wait) },
  { key: 'ipc', label: 'IPC', title: 'Instructions per cycle', number: true, value: row => row.ipc, text: row => ratio(row.ipc) },
  { key: 'running', label: 'Counted', title: 'Part of the time in which its counters ran; below 100 % they are scaled up', number: true, value: row => row.running, text: row => percent(row.running) },
];

/** Threads and software counters: the process, each kind of its threads, and the busiest of them. */
export class Threads {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.fold = new Fold(page, {
      id: 'software', title: 'Threads and software counters', open: true, types: [KINDS], make: () => this.#make(),
    });
    this.element = this.fold.element;
  }

  get charts() {
    return this.fold.charts;
  }

  close() {
    this.fold.close();
  }

  show() {
    this.since = this.page.to - NEWEST;
    this.fold.show(this.#line());
  }

  #line() {
    const { samples } = this.page;
    const counters = samples.of('pitot.ProcessCounters');
    const used = overall(metrics.cpuCores, counters, this.since);
    const given = { cpus: samples.of('pitot.HostCpu').newest('cpus'), limit: samples.of('pitot.CgroupCpu').newest('limit') };
    const utilisation = metrics.cpuUtilisation(field => ({ ...given, cpuTime: known(used) ? used * 1e9 : null, interval: 1e9 })[field] ?? null);
    const may = Math.min(...Object.values(given).filter(known));
    const wait = overall(metrics.runQueueWaitShare, counters, this.since);
    const source = counters.newest('softwareSource');
    return [
      known(used) && `CPU ${cores(used)} cores${known(utilisation) ? `, ${percent(utilisation)} of the ${count(may)} it may use` : ''}`,
      known(wait) && `of the time it could run, ${percent(wait)} waiting for a CPU`,
      source ? `source of the counters: ${source}` : 'of the whole process',
    ].filter(Boolean).join(' · ');
  }

  #make() {
    const { page } = this;
    const process = page.makeCharts(SOFTWARE);
    const [cpu, wait] = [KIND_CPU, KIND_WAIT].map(spec => page.makeChart(spec));
    const order = [...process.slice(0, 2).map(([, chart]) => chart), cpu, wait, ...process.slice(2).map(([, chart]) => chart)];
    const table = new Table('Busiest threads', columns(), row => row.key, '-cpu', () => {});
    const busiest = h('div.block', null, h('h3', null, 'Busiest threads', h('span.dim', null, `in the newest ${NEWEST / 1000}\u202fs`)),
      h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Busiest threads, scrolls sideways' }, table.element));
    return {
      charts: order,
      elements: [h('div.grid', null, ...order.map(chart => chart.element)), busiest],
      show: () => {
        page.draw(process);
        const kinds = page.samples.keys(KINDS);
        cpu.update(joined(kinds, each(metrics.cpuCores), page.from - EDGE), page.from, page.to);
        wait.update(joined(kinds, each(perInterval('runQueueWait')), page.from - EDGE), page.from, page.to);
        const rows = this.#top();
        busiest.hidden = !rows.length;
        table.hide(new Set([!rows.some(row => known(row.ipc)) && 'ipc', !rows.some(row => known(row.running) && row.running < 0.995) && 'running']));
        table.update(rows);
      },
    };
  }

  /** A thread is among the top ones in some seconds only; in the others it used less, and is taken to have used nothing. */
  #top() {
    const { samples } = this.page;
    const process = samples.of('pitot.ProcessCounters');
    const time = overall(v => v('interval'), process, this.since) ?? NEWEST * 1e6;
    const rows = [];
    for (const [key, series] of samples.keys(TOP)) {
      const used = overall(v => v('cpuTime'), series, this.since);
      if (!known(used)) continue;
      const [, name, id] = key.match(/^(.*) (\d+)$/s) ?? [null, key, null];
      rows.push({
        key, name, id: id === null ? null : Number(id), kind: series.newest('kind') ?? '',
        cpu: used / time,
        wait: overall(metrics.runQueueWaitShare, series, this.since),
        ipc: overall(metrics.ipc, series, this.since),
        running: series.least('hardwareRunning', this.since),
      });
    }
    return rows.sort((a, b) => b.cpu - a.cpu).slice(0, SHOWN);
  }
}
