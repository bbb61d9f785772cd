import { h, setChildren } from '../dom.js';
import { Fold } from '../fold.js';
import { count, known, percent, ratio, sentence } from '../format.js';
import { metrics, overall, topDown } from '../metrics.js';
import { HARDWARE } from '../panels.js';
import { Table } from '../table.js';

const COUNTERS = 'pitot.ProcessCounters';
const NAMED = 'pitot.Counter';
/** Tables are of the newest seconds, ms: of one second they would only flicker. */
const NEWEST = 10_000;

const counterColumns = () => [
  { key: 'name', label: 'Counter', value: row => row.name, text: row => row.name },
  { key: 'scope', label: 'Scope', title: 'process, a kind of threads, or host', value: row => row.scope, text: row => row.scope },
  { key: 'second', label: 'Per second', title: 'With the unit, if the counter has one', number: true, value: row => row.second, text: row => count(row.second) + (row.unit && '\u202f' + row.unit) },
  { key: 'kilo', label: 'Per 1000 instr.', title: 'Per 1000 instructions that were counted together with it', number: true, value: row => row.kilo, text: row => (row.kilo === undefined ? '' : ratio(row.kilo)) },
  { key: 'cycle', label: 'Share of cycles', title: 'Of stalled cycles: their share of the cycles that were counted together with them', number: true, value: row => row.cycle, text: row => (row.cycle === undefined ? '' : percent(row.cycle)) },
  { key: 'running', label: 'Counted', title: 'Part of the time in which the counter ran; below 100 % the value is scaled up', number: true, value: row => row.running, text: row => percent(row.running) },
];

const SLOTS = [
  ['retiring', 'Retiring', 'useful work'],
  ['badSpeculation', 'Bad speculation', 'thrown away'],
  ['frontendBound', 'Front-end bound', 'no operation was there'],
  ['backendBound', 'Back-end bound', 'it could not be taken'],
];
const slotColumns = () => [
  { key: 'scope', label: 'Top-down', title: 'Where each issue slot of the pipeline went', value: row => row.scope, text: row => row.scope },
  ...SLOTS.map(([key, label, title]) => ({ key, label, title, number: true, value: row => row[key], text: row => percent(row[key]) })),
  { key: 'method', label: 'Method', title: 'Which counters it was computed from', value: row => row.method, text: row => row.method },
];

/** Cycles, instructions and misses of the process, and counters that were asked for by name; or why there are none. */
export class Hardware {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.fold = new Fold(page, { id: 'hardware', title: 'Hardware counters', open: true, make: () => this.#make() });
    this.element = this.fold.element;
  }

  get charts() {
    return this.fold.charts;
  }

  close() {
    this.fold.close();
  }

  show() {
    const { page } = this;
    this.counters = page.samples.of(COUNTERS);
    this.counted = ['cycles', 'instructions'].some(name => this.counters.has(name, page.from));
    this.named = this.#named();
    this.fold.show(this.#line());
  }

  #line() {
    const share = this.counters.newest('hardwareRunning');
    const ipc = overall(metrics.ipc, this.counters, this.page.to - NEWEST);
    return [
      known(ipc) && `IPC ${ratio(ipc)}`,
      this.counted && `of the whole process · source: ${this.counters.newest('hardwareSource') ?? 'unknown'}`,
      this.counted && known(share) && `counted ${percent(share)} of the time${share < 0.995 ? ', scaled up (multiplexed)' : ''}`,
      !this.counted && (this.counters.newest('hardwareSource') || this.page.status.length ? 'none' : 'not known yet'),
      this.named.length > 0 && `${new Set(this.named.map(row => row.name)).size} by name`,
    ].filter(Boolean).join(' · ');
  }

  #make() {
    const charts = [];
    const pairs = [];
    const grid = h('div.grid.four');
    const why = h('div');
    const table = new Table('Counters by name', counterColumns(), row => row.key, 'name', () => {});
    const slots = new Table('Top-down', slotColumns(), row => row.scope, 'scope', () => {});
    const block = (title, inner) => h('div.block', null, h('h3', null, title, h('span.dim', null, `in the newest ${NEWEST / 1000}\u202fs`)),
      h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': `${title}, scrolls sideways` }, inner.element));
    const byName = block('Counters by name', table);
    const topdown = block('Top-down, level 1', slots);
    return {
      charts,
      elements: [grid, why, byName, topdown],
      show: () => {
        // Made when the first value comes: a panel of nothing would say that something was to be seen.
        if (this.counted && !charts.length) {
          pairs.push(...this.page.makeCharts(HARDWARE));
          charts.push(...pairs.map(([, chart]) => chart));
          grid.append(...charts.map(chart => chart.element));
        }
        grid.hidden = !this.counted;
        if (this.counted) this.page.draw(pairs);
        this.#explain(why);
        byName.hidden = !this.named.length;
        table.hide(new Set(['kilo', 'cycle', 'running'].filter(key => !this.named.some(row => known(row[key])))));
        table.update(this.named);
        const rows = this.#topDown();
        topdown.hidden = !rows.length;
        slots.update(rows);
      },
    };
  }

  /** A row for each counter and scope of the newest seconds. */
  #named() {
    const since = this.page.to - NEWEST;
    const rows = [];
    for (const [key, series] of this.page.samples.keys(NAMED)) {
      if (series.last <= since) continue;
      const place = key.indexOf(' ');
      const unit = series.newest('unit') ?? '';
      rows.push({
        key, unit, scope: key.slice(0, place), name: key.slice(place + 1),
        second: overall(metrics.perSecond, series, since),
        // A ratio that means nothing is not one that is unknown.
        kilo: unit ? undefined : overall(metrics.perKiloInstruction, series, since),
        cycle: /stall/.test(key) && !unit ? overall(metrics.perCycle, series, since) : undefined,
        running: series.least('running', since),
      });
    }
    return rows;
  }

  #topDown() {
    const scopes = new Set(this.named.map(row => row.scope));
    return [...scopes].map(scope => {
      const found = topDown(name => this.named.find(row => row.scope === scope && row.name === name)?.second ?? null);
      return found && { scope, ...found };
    }).filter(Boolean);
  }

  #explain(place) {
    const { counted } = this;
    const status = this.page.status.find(entry => entry.part === 'hardware counters');
    const source = this.counters.newest('hardwareSource');
    const reason = sentence(status?.reason || (source?.startsWith('none: ') ? source.slice(6) : ''));
    setChildren(place, JSON.stringify([counted, reason, status]), () => {
      if (counted) return status?.state === 'partial' && h('p.help', null, reason, ' ', sentence(status.remedy));
      if (!status && !source) return h('div.panel.honest', null, h('p', null, 'Not known yet: the agent says at its start and once a minute what it can count.'));
      return h('div.panel.honest', null,
        h('p', null, h('strong', null, status?.state === 'on' ? 'Hardware counters: no value in this window.' : 'Hardware counters: none.'), ' ', reason),
        status?.remedy && h('p', null, h('span.dim', null, 'What helps: '), sentence(status.remedy)),
        h('p.dim', null, 'So there are no cycles, instructions, cache or branch misses here, neither of the process nor of a request. The software counters above are measured.'));
    });
  }
}
