import { Chart } from './chart.js';
import { download } from './download.js';
import { h, setAttribute, setChildren, setText } from './dom.js';
import { endpointColumns, hideAbsent } from './endpoints.js';
import { age, badge, lostNotice, shownState } from './fleet.js';
import { clock, dateTime, known, percent, sentence, zone } from './format.js';
import { HARDWARE, OVERVIEW, SOFTWARE } from './panels.js';
import { Series } from './series.js';
import { Table } from './table.js';

const RANGES = [2, 5, 10, 15];
const KEEP = 16 * 60_000;
/** A failed read of stored data is tried again after this many milliseconds. */
const RETRY = 10_000;
const METRICS = ['jdk.CPULoad', 'pitot.JvmMemory', 'jdk.JavaThreadStatistics', 'pitot.ProcessCounters'];
const partBadge = state => h('span.badge', { 'data-state': state }, h('i.shape', { 'data-shape': state }), state);

/** One JVM: its charts on one axis of time, its endpoints, its agent. */
export class JvmPage {
  /**
   * @param {import('./app.js').Context} context
   * @param {string} id
   * @param {URLSearchParams} parameters `range` minutes, `sort` of the endpoints
   */
  constructor(context, id, parameters) {
    this.context = context;
    this.id = id;
    this.jvm = null;
    this.status = [];
    this.endpoints = null;
    /** When the agent had to be asked to report each second. */
    this.watched = Date.now();
    /** Why stored data could not be read, and why the socket refused the watch. @type {string | null} */
    this.failure = null;
    this.refusal = null;
    this.missing = false;
    /** @type {Record<string, Series>} by event type, and `rates` and `gc` */
    this.series = Object.fromEntries([...METRICS, 'rates', 'gc'].map(type => [type, new Series(KEEP)]));
    this.range = this.#range(parameters);

    const group = 'jvm-' + id;
    const charts = specs => specs.map(([type, spec]) => {
      const marks = spec.title === 'Heap' ? { marks: () => this.series.gc.t } : {};
      return Object.assign(new Chart({ ...spec, ...marks }, group, time => this.#cursor(time)), { type });
    });
    this.overview = charts(OVERVIEW);
    this.software = charts(SOFTWARE);
    /** Made when the first hardware value comes. @type {Chart[]} */
    this.hardware = [];
    this.makeHardware = () => charts(HARDWARE);

    this.head = h('div.identity');
    this.notices = h('div.notices', { 'aria-live': 'polite' });
    this.ranges = h('div.segments', { role: 'group', 'aria-label': 'Range' }, ...RANGES.map(minutes =>
      h('button', { type: 'button', 'data-minutes': minutes, onclick: () => context.setParameters({ range: String(minutes) }) }, `${minutes} min`)));
    this.moment = h('span.moment');
    this.zone = h('span.dim', null, `Times in ${zone()}`);
    // In the place of the zone, so that nothing moves when it comes and goes.
    this.waiting = h('span.dim', { role: 'status', title: 'The agent reports every 10 s until somebody watches its JVM, then every second.' });
    this.downloader = download(context, id, () => this.#end());

    this.table = new Table('Endpoints', endpointColumns(), row => `${row.method} ${row.route}`, parameters.get('sort') ?? '-rate', sort => context.setParameters({ sort }));
    this.tableNote = h('p.help');
    this.tableHead = h('span.dim');
    this.tablePlace = h('div');
    this.softwareSource = h('span.dim');
    this.hardwareSource = h('span.dim');
    this.hardwarePlace = h('div');
    this.agentPlace = h('div');

    const grid = list => h('div.grid', null, ...list.map(chart => chart.element));
    this.grid = grid;
    this.content = h('div', null,
      h('div.rangebar', null, this.ranges, this.moment, this.zone, this.waiting, this.downloader),
      grid(this.overview),
      h('section', { 'aria-labelledby': 'endpoints' }, h('div.sectionhead', null, h('h2', { id: 'endpoints' }, 'Endpoints'), this.tableHead), this.tablePlace, this.tableNote),
      h('section', { 'aria-labelledby': 'software' }, h('div.sectionhead', null, h('h2', { id: 'software' }, 'Threads and software counters'), this.softwareSource), h('div.grid.four', null, ...this.software.map(chart => chart.element))),
      h('section', { 'aria-labelledby': 'hardware' }, h('div.sectionhead', null, h('h2', { id: 'hardware' }, 'Hardware counters'), this.hardwareSource), this.hardwarePlace),
      h('section', { 'aria-labelledby': 'agent' }, h('div.sectionhead', null, h('h2', { id: 'agent' }, 'Agent')), this.agentPlace));
    this.absent = h('div');
    this.element = h('div.page', null, this.head, this.notices, this.absent, this.content);
    this.navigate(parameters);
    this.#load();
  }

  #range(parameters) {
    const range = Number(parameters.get('range'));
    return RANGES.includes(range) ? range : 5;
  }

  watch() {
    // Once something is held, only what is newer; each type is asked for from the one that lags most.
    const held = METRICS.map(type => this.series[type].last);
    const since = held.every(known) ? Math.min(...held) : this.context.now() - KEEP;
    return { watch: 'jvm', id: this.id, since };
  }

  /** What memory no longer holds: stored blocks, stored collections, and the endpoints of a JVM that sends no more. */
  async #load() {
    if (this.loading) return;
    this.loading = true;
    const { api } = this.context;
    const path = 'jvms/' + encodeURIComponent(this.id);
    const ask = async rest => (await api(path + rest)).json();
    try {
      const jvm = await ask('');
      this.jvm ??= jvm;
      if (!this.status.length) this.status = jvm.status ?? [];
      const to = (jvm.lastData ?? jvm.lastSeen ?? this.context.now()) + 1;
      const window = `from=${to - 15 * 60_000}&to=${to}`;
      const answers = await Promise.allSettled([
        ...METRICS.map(async type => {
          const stored = await ask(`/metrics?type=${type}&${window}`);
          this.series[type].merge(stored.t, stored.fields);
        }),
        ask(`/events?type=jdk.GarbageCollection&${window}&limit=1000`).then(({ events }) => {
          const held = new Set(this.series.gc.t);
          const fresh = events.filter(event => !held.has(event.ts) && known(event.data.sumOfPauses)).reverse();
          this.series.gc.merge(fresh.map(event => event.ts), { name: fresh.map(event => event.data.name), pause: fresh.map(event => event.data.sumOfPauses / 1e6) });
        }),
        ask(`/endpoints?from=${to - 60_000}&to=${to}`).then(({ endpoints }) => (this.endpoints ??= { from: to - 60_000, to, endpoints })),
      ]);
      const failed = answers.find(answer => answer.status === 'rejected');
      this.failure = failed ? `Stored data could not be read: ${failed.reason.message}` : null;
      this.missing = false;
    } catch (failure) {
      this.failure = failure.message;
      this.missing = failure.status === 404 || failure.status === 400;
    }
    this.loading = false;
    this.loaded = Date.now();
    if (!this.closed) this.#show();
  }

  /** The connection is there again: what was missed may be older than what the collector's memory holds. */
  reconnected() {
    this.watched = Date.now();
    this.refusal = null;
    this.#load();
  }

  message(message) {
    switch (message.kind) {
      case 'jvm':
        if (message.jvm.id !== this.id) return;
        this.jvm = { ...this.jvm, ...message.jvm };
        this.status = message.status ?? this.status;
        this.refusal = null;
        break;
      case 'samples':
        if (message.id !== this.id || !this.series[message.type]) return;
        this.series[message.type].merge(message.t, message.fields);
        break;
      case 'rates':
        if (message.id !== this.id) return;
        this.series.rates.merge(message.t, { requests: message.requests, errors: message.errors, p99: message.p99 });
        break;
      case 'gc':
        if (message.id !== this.id) return;
        this.series.gc.merge(message.t, { name: message.name, pause: message.pause });
        break;
      case 'endpoints':
        if (message.id !== this.id) return;
        this.endpoints = message;
        break;
      case 'error':
        this.refusal = message.error;
        break;
      default:
        return;
    }
    // The messages of one second come together: one drawing for all of them.
    if (!this.frame) this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.#show();
    });
  }

  navigate(parameters) {
    this.range = this.#range(parameters);
    for (const button of this.ranges.children) setAttribute(button, 'aria-pressed', String(Number(button.dataset.minutes) === this.range));
    this.table.setSort(parameters.get('sort') ?? '-rate');
    this.#show();
  }

  tick() {
    if (this.failure && !this.missing && this.context.connected() && Date.now() - this.loaded > RETRY) this.#load();
    this.#showHead();
    this.#showNotices();
  }

  title() {
    if (!this.jvm) return this.#phase();
    return `${this.jvm.service} · ${this.context.lost() ? 'no connection' : this.jvm.state}`;
  }

  redraw() {
    for (const chart of this.#charts()) chart.redraw();
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.frame);
    for (const chart of this.#charts()) chart.close();
  }

  #charts() {
    return [...this.overview, ...this.software, ...this.hardware];
  }

  /** Right edge of the charts: the newest sample, so that what is drawn is never older than it looks. */
  #end() {
    const newest = METRICS.map(type => this.series[type].last).filter(known);
    return newest.length ? Math.max(...newest) : this.jvm?.lastData ?? this.context.now();
  }

  #cursor(time) {
    if (this.at === time) return;
    this.at = time;
    setText(this.moment, time === null ? this.span ?? '' : `At ${clock(time)}`);
    setAttribute(this.moment, 'data-cursor', time === null ? null : '');
  }

  #show() {
    this.#showHead();
    this.#showNotices();
    this.content.hidden = !this.jvm;
    this.#showAbsent();
    if (!this.jvm) return;
    const to = this.#end();
    // A young JVM fills the width: nothing can have been measured before its start.
    const from = Math.min(Math.max(to - this.range * 60_000, this.jvm.started ?? 0), to - 60_000);
    this.span = `${clock(from)} to ${clock(to)}`;
    if (known(this.at) === false) setText(this.moment, this.span);
    const counters = this.series['pitot.ProcessCounters'];
    const counted = ['cycles', 'instructions'].some(name => counters.has(name, from));
    if (counted && !this.hardware.length) this.hardware = this.makeHardware();
    this.#showHardware(counted, counters);
    const software = counters.newest('softwareSource');
    setText(this.softwareSource, software ? `of the whole process · source of the counters: ${software}` : 'of the whole process');
    for (const chart of [...this.overview, ...this.software, ...(counted ? this.hardware : [])]) chart.update(this.series[chart.type], from, to);
    // A rate that is no longer held is not the same as no request.
    const lost = !this.series.rates.t.length && this.jvm.state !== 'live';
    for (const chart of this.overview) if (chart.type === 'rates') chart.explain(lost ? 'Rates of each second are kept in memory only, and are no longer there for this JVM.' : null);
    this.#showEndpoints();
    this.#showAgent();
  }

  /** The heading of a page that has no JVM to show. */
  #phase() {
    return this.missing ? 'Unknown JVM' : this.failure ? 'JVM could not be loaded' : 'Loading…';
  }

  #showAbsent() {
    const text = this.jvm || !(this.failure ?? this.refusal) ? '' : this.missing
      ? `${this.failure} It may have been removed by the retention, or the address was cut when it was copied.`
      : `${this.failure ?? this.refusal} The page tries again by itself.`;
    setChildren(this.absent, text, () => text && h('section.panel.empty', { role: 'status' }, h('p', null, text), h('p', null, h('a', { href: '#/' }, 'Back to all JVMs'))));
  }

  #showHead() {
    const { jvm } = this;
    const state = jvm && shownState(jvm, this.context.lost());
    setChildren(this.head, jvm ? JSON.stringify([jvm.service, jvm.host, jvm.pid, jvm.java, jvm.jvm, jvm.agent, jvm.labels, state]) : this.#phase(), () => [
      h('nav.crumbs', { 'aria-label': 'Breadcrumb' }, h('a', { href: '#/' }, 'JVMs'), h('span', { 'aria-hidden': 'true' }, '/')),
      h('h1', null, jvm ? jvm.service : this.#phase()),
      jvm && badge(state),
      jvm && h('p.facts', null,
        ...[[jvm.host], [`pid ${jvm.pid}`], [`Java ${jvm.java}`, jvm.jvm], ['', `Started ${dateTime(jvm.started)}`], [`agent ${jvm.agent}`]].map(([text, title]) => h('span', { title }, text)),
        ...Object.entries(jvm.labels ?? {}).map(([key, value]) => h('span.label', null, `${key}:${value}`)))]);
    if (jvm) setText(this.head.querySelector('.facts').children[3], jvm.state === 'live' ? age(jvm, this.context.now()) : `${jvm.state === 'ended' ? 'ended' : 'last seen'} ${age(jvm, this.context.now())}`);
  }

  #showNotices() {
    const { jvm } = this;
    const newest = METRICS.map(type => this.series[type].last).filter(known);
    const last = newest.length ? Math.max(...newest) : null;
    const late = last === null ? Infinity : this.context.now() - last;
    const list = [];
    let waiting = false;
    if (jvm && this.failure) list.push(['bad', this.missing ? `${this.failure} It may have been removed by the retention.` : this.failure]);
    if (jvm && this.refusal && !this.missing) list.push(['bad', this.refusal]);
    if (jvm?.gap) list.push(['warn', jvm.gap]);
    // The region is live: a number that runs in it would be read out each second, so times of day stand in it.
    if (jvm && this.context.lost()) list.push(['warn', lostNotice(last ?? jvm.lastData ?? jvm.lastSeen)]);
    else if (jvm?.state === 'live' && late > 5000) {
      waiting = Date.now() - this.watched < 15_000;
      if (!waiting) list.push(['warn', last === null ? 'The agent is in touch but has sent no sample yet: its recording may still be starting.' : `No new sample since ${clock(last)}, although the agent is in touch.`]);
    }
    if (jvm?.state === 'quiet') list.push(['warn', `Nothing heard of this JVM since ${dateTime(jvm.lastSeen)}: it was stopped hard, is paused, or cannot reach the collector. What you see are its last data.`]);
    if (jvm?.state === 'ended') list.push(['note', `This JVM ended at ${dateTime(jvm.lastSeen)}. What you see are its last minutes.`]);
    setText(this.waiting, waiting ? 'Waiting for the agent…' : '');
    this.zone.hidden = waiting;
    setChildren(this.notices, JSON.stringify(list), () => list.map(([tone, text]) => h('p.notice', { 'data-tone': tone }, text)));
  }

  #showHardware(counted, counters) {
    const status = this.status.find(entry => entry.part === 'hardware counters');
    const source = counters.newest('hardwareSource');
    const share = counters.newest('hardwareRunning');
    const multiplexed = known(share) && share < 0.995;
    setText(this.hardwareSource, !counted ? '' : `of the whole process · source: ${source ?? 'unknown'}${known(share) ? ` · counted ${percent(share)} of the time` : ''}${multiplexed ? ', scaled up (multiplexed)' : ''}`);
    const reason = sentence(status?.reason || (source?.startsWith('none: ') ? source.slice(6) : ''));
    setChildren(this.hardwarePlace, JSON.stringify([counted, reason, status]), () => {
      const partial = status?.state === 'partial' && h('p.help', null, reason, ' ', sentence(status.remedy));
      if (counted) return [this.grid(this.hardware), partial];
      if (!status && !source) return h('div.panel.honest', null, h('p', null, 'Not known yet: the agent says at its start and once a minute what it can count.'));
      return h('div.panel.honest', null,
        h('p', null, h('strong', null, status?.state === 'on' ? 'Hardware counters: no value in this window.' : 'Hardware counters: none.'), ' ', reason),
        status?.remedy && h('p', null, h('span.dim', null, 'What helps: '), sentence(status.remedy)),
        h('p.dim', null, 'So there are no cycles, instructions, cache or branch misses here, neither of the process nor of a request. The software counters above are measured.'));
    });
  }

  #showEndpoints() {
    const { endpoints } = this;
    const rows = endpoints?.endpoints ?? [];
    setText(this.tableHead, rows.length ? `${rows.length} in the 60\u202fs to ${clock(endpoints.to)}` : '');
    setChildren(this.tablePlace, rows.length ? 'table' : endpoints ? 'none' : 'waiting', () => rows.length
      ? h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Endpoints, scrolls sideways' }, this.table.element)
      : h('p.panel.empty', null, endpoints ? 'No request finished in the last 60 s of data. Endpoints appear when the service answers HTTP requests.' : 'Waiting for the first summary of requests…'));
    setText(this.tableNote, hideAbsent(this.table, rows, this.status));
    this.table.update(rows);
  }

  #showAgent() {
    const order = { off: 0, partial: 1, on: 2 };
    const parts = [...this.status].sort((a, b) => (order[a.state] ?? 0) - (order[b.state] ?? 0) || a.part.localeCompare(b.part));
    // What works is one line of names; what does not has a line each, with the reason.
    const working = parts.filter(entry => entry.state === 'on' && !entry.reason);
    const other = parts.filter(entry => !working.includes(entry));
    const hardware = parts.find(entry => entry.part === 'hardware counters');
    setChildren(this.agentPlace, JSON.stringify(parts), () => (parts.length
      ? h('ul.panel.parts', null, ...other.map(entry => h('li', null,
        partBadge(entry.state), h('strong', null, entry.part),
        this.#why(entry, hardware))),
      working.length && h('li', null, partBadge('on'), h('span.all', null, working.map(entry => entry.part).join(' · '))))
      : h('p.panel.empty', null, 'The agent says at its start and once a minute what is on and what is off; nothing has come yet.')));
  }

  /** What stands beside a part that does not work in full. The reason of the hardware counters has its own section. */
  #why(entry, hardware) {
    if (entry.reason && entry.reason === hardware?.reason) {
      if (entry.part === 'hardware counters') return h('span', null, 'See Hardware counters above.');
      if (entry.part === 'thread counters' && entry.state === 'partial') return h('span', null, `Context switches and page faults of each request are counted; ${hardware.state === 'off' ? 'its' : 'some of its'} hardware counters are not, see Hardware counters above.`);
      return h('span', null, 'For the same reason as the hardware counters, see above.');
    }
    return h('span', null, sentence(entry.reason) || h('span.dim', null, 'No reason given.'), entry.remedy && h('span.dim', null, ` ${sentence(entry.remedy)}`));
  }
}
