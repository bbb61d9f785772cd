import { Chart } from './chart.js';
import { download } from './download.js';
import { h, setAttribute, setChildren, setText } from './dom.js';
import { age, badge, lostNotice, shownState } from './fleet.js';
import { clock, dateTime, known, zone } from './format.js';
import { OVERVIEW } from './panels.js';
import { Samples } from './samples.js';
import { Agent } from './sections/agent.js';
import { Doctor } from './sections/doctor.js';
import { Endpoints } from './sections/endpoints.js';
import { Hardware } from './sections/hardware.js';
import { HOST_TYPES, Host } from './sections/host.js';
import { Slow } from './sections/slow.js';
import { Logged, calls, pools, statements } from './sections/spans.js';
import { Threads } from './sections/threads.js';
import { Series } from './series.js';

const RANGES = [2, 5, 10, 15];
const KEEP = 16 * 60_000;
/** Of this many milliseconds what is stored is asked for. */
const STORED = 15 * 60_000;
/** A failed read of stored data is tried again after this many milliseconds. */
const RETRY = 10_000;
const METRICS = ['jdk.CPULoad', 'pitot.JvmMemory', 'jdk.JavaThreadStatistics', 'pitot.ProcessCounters'];
/** Types of which the newest seconds are wanted in any case, for a line or a table. */
const GLANCED = ['pitot.ThreadKindCounters', 'pitot.TopThread', 'pitot.Counter', ...HOST_TYPES];
const GLANCE = 20_000;
/** Held in full, though an older agent has none. */
const HELD = ['pitot.AgentCost'];
const TYPES = new Set([...METRICS, ...HELD, ...GLANCED]);
/** Tables of the last minute, by the kind of the message that brings each. */
const TABLES = ['endpoints', 'statements', 'calls', 'pools'];
/** Texts of statements that were not known are asked for again after this many milliseconds. */
const TEXTS = 10_000;

/** One JVM: its charts on one axis of time, and sections of its endpoints, threads, counters, machine and agent. */
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
    this.diagnosis = [];
    /** @type {Record<string, any>} */
    this.tables = {};
    this.logged = null;
    /** Texts of statements, by hash. @type {Map<string, string>} */
    this.sql = new Map();
    this.textsAsked = 0;
    /** When the agent had to be asked to report each second. */
    this.watched = Date.now();
    /** Why stored data could not be read, and why the socket refused the watch. @type {string | null} */
    this.failure = null;
    this.refusal = null;
    this.missing = false;
    this.samples = new Samples(KEEP);
    this.samples.hold([...METRICS, ...HELD]);
    this.rates = new Series(KEEP);
    this.gc = new Series(KEEP);
    this.range = this.#range(parameters);
    this.group = 'jvm-' + id;
    this.overview = this.makeCharts(OVERVIEW);

    this.head = h('div.identity');
    this.notices = h('div.notices', { 'aria-live': 'polite' });
    this.ranges = h('div.segments', { role: 'group', 'aria-label': 'Range' }, ...RANGES.map(minutes =>
      h('button', { type: 'button', 'data-minutes': minutes, onclick: () => context.setParameters({ range: String(minutes) }) }, `${minutes} min`)));
    this.moment = h('span.moment');
    this.zone = h('span.dim', null, `Times in ${zone()}`);
    // In the place of the zone, so that nothing moves when it comes and goes.
    this.waiting = h('span.dim', { role: 'status', title: 'The agent reports every 10 s until somebody watches its JVM, then every second.' });
    this.downloader = download(context, id, () => this.#end());

    this.endpointTable = new Endpoints(this, parameters.get('sort') ?? '-rate');
    this.slow = new Slow(this);
    this.sections = [this.endpointTable, this.slow, statements(this), calls(this), pools(this), new Logged(this), new Threads(this), new Hardware(this), new Host(this), new Doctor(this), new Agent(this)];

    this.content = h('div', null,
      h('div.rangebar', null, this.ranges, this.moment, this.zone, this.waiting, this.downloader),
      h('div.grid', null, ...this.overview.map(([, chart]) => chart.element)),
      ...this.sections.map(section => section.element));
    this.absent = h('div');
    this.element = h('div.page', null, this.head, this.notices, this.absent, this.content);
    this.navigate(parameters);
    this.#load();
  }

  /** @param {import('./chart.js').ChartSpec} spec */
  makeChart(spec) {
    const marks = spec.title === 'Heap' ? { marks: () => this.gc.t } : {};
    return new Chart({ ...spec, ...marks }, this.group, time => this.#cursor(time));
  }

  /**
   * @param {[string, import('./chart.js').ChartSpec][]} specs
   * @returns {[string, Chart][]} each with the type that it is drawn from
   */
  makeCharts(specs) {
    return specs.map(([type, spec]) => [type, this.makeChart(spec)]);
  }

  /** @param {[string, Chart][]} charts */
  draw(charts) {
    for (const [type, chart] of charts) chart.update(this.#seriesOf(type), this.from, this.to);
  }

  #seriesOf(type) {
    return type === 'rates' ? this.rates : type === 'gc' ? this.gc : this.samples.of(type);
  }

  #range(parameters) {
    const range = Number(parameters.get('range'));
    return RANGES.includes(range) ? range : 5;
  }

  watch() {
    // Once something is held, only what is newer; each type is asked for from the one that lags most.
    const held = METRICS.map(type => this.samples.of(type).last);
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
      if (!this.diagnosis.length) this.diagnosis = jvm.diagnosis ?? [];
      const to = (jvm.lastData ?? jvm.lastSeen ?? this.context.now()) + 1;
      const window = `from=${to - STORED}&to=${to}`;
      const answers = await Promise.allSettled([
        ...[...TYPES].map(type => this.#read(type, to)),
        ask(`/events?type=jdk.GarbageCollection&${window}&limit=1000`).then(({ events }) => {
          const held = new Set(this.gc.t);
          const fresh = events.filter(event => !held.has(event.ts) && known(event.data.sumOfPauses)).reverse();
          this.gc.merge(fresh.map(event => event.ts), { name: fresh.map(event => event.data.name), pause: fresh.map(event => event.data.sumOfPauses / 1e6) });
        }),
        ...TABLES.map(kind => ask(`/${kind}?from=${to - 60_000}&to=${to}`).then(table => (this.tables[kind] ??= table))),
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
    if (!this.closed) this.show();
  }

  /** Stored samples of a type: of one that is held all that fits, of another the newest seconds. */
  async #read(type, to) {
    const from = to - (this.samples.isHeld(type) ? STORED : GLANCE);
    const stored = await (await this.context.api(`jvms/${encodeURIComponent(this.id)}/metrics?type=${type}&from=${from}&to=${to}`)).json();
    for (const part of stored.series ?? [stored]) this.samples.merge({ type, ...part });
  }

  /** What was not held of some types until now. */
  async load(types) {
    try {
      await Promise.all(types.map(type => this.#read(type, this.#end() + 1)));
    } catch (failure) {
      this.failure = `Stored data could not be read: ${failure.message}`;
      this.loaded = Date.now();
    }
    if (!this.closed) this.show();
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
        // Memory knows nothing of a JVM that has ended before the collector started: what the store said stays.
        if (message.status?.length) this.status = message.status;
        if (message.diagnosis?.length) this.diagnosis = message.diagnosis;
        this.refusal = null;
        break;
      case 'samples':
        if (message.id !== this.id || !TYPES.has(message.type)) return;
        this.samples.merge(message);
        break;
      case 'rates':
        if (message.id !== this.id) return;
        this.rates.merge(message.t, { requests: message.requests, errors: message.errors, p99: message.p99 });
        break;
      case 'gc':
        if (message.id !== this.id) return;
        this.gc.merge(message.t, { name: message.name, pause: message.pause });
        break;
      case 'endpoints':
      case 'statements':
      case 'calls':
      case 'pools':
        if (message.id !== this.id) return;
        this.tables[message.kind] = message;
        break;
      case 'logged':
        if (message.id !== this.id) return;
        this.logged = message;
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
      this.show();
    });
  }

  navigate(parameters) {
    this.range = this.#range(parameters);
    for (const button of this.ranges.children) setAttribute(button, 'aria-pressed', String(Number(button.dataset.minutes) === this.range));
    this.endpointTable.setSort(parameters.get('sort') ?? '-rate');
    this.slow.navigate(parameters);
    this.show();
  }

  /** The texts of statements, which the table that comes each few seconds does not repeat. */
  async #loadTexts() {
    const unknown = (this.tables.statements?.statements ?? []).map(row => row.statement).filter(hash => hash && !this.sql.has(hash)).slice(0, 100);
    if (!unknown.length || Date.now() - this.textsAsked < TEXTS) return;
    this.textsAsked = Date.now();
    try {
      const { sql } = await (await this.context.api(`jvms/${encodeURIComponent(this.id)}/sql?statement=${encodeURIComponent(unknown.join())}`)).json();
      // What has none is not asked for again.
      for (const hash of unknown) this.sql.set(hash, sql[hash] ?? '');
      if (!this.closed) this.show();
    } catch {
      // The hash stands in its place until it is asked for again.
    }
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
    for (const chart of [...this.overview.map(([, chart]) => chart), ...this.sections.flatMap(section => section.charts)]) chart.redraw();
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.frame);
    for (const [, chart] of this.overview) chart.close();
    for (const section of this.sections) section.close();
  }

  /** Right edge of the charts: the newest sample, so that what is drawn is never older than it looks. */
  #end() {
    const newest = METRICS.map(type => this.samples.of(type).last).filter(known);
    return newest.length ? Math.max(...newest) : this.jvm?.lastData ?? this.context.now();
  }

  #cursor(time) {
    if (this.at === time) return;
    this.at = time;
    setText(this.moment, time === null ? this.span ?? '' : `At ${clock(time)}`);
    setAttribute(this.moment, 'data-cursor', time === null ? null : '');
  }

  show() {
    this.#showHead();
    this.#showNotices();
    this.content.hidden = !this.jvm;
    this.#showAbsent();
    if (!this.jvm) return;
    this.to = this.#end();
    // A young JVM fills the width: nothing can have been measured before its start.
    this.from = Math.min(Math.max(this.to - this.range * 60_000, this.jvm.started ?? 0), this.to - 60_000);
    this.span = `${clock(this.from)} to ${clock(this.to)}`;
    if (known(this.at) === false) setText(this.moment, this.span);
    this.draw(this.overview);
    // A rate that is no longer held is not the same as no request.
    const lost = !this.rates.t.length && this.jvm.state !== 'live';
    for (const [type, chart] of this.overview) if (type === 'rates') chart.explain(lost ? 'Rates of each second are kept in memory only, and are no longer there for this JVM.' : null);
    for (const section of this.sections) section.show();
    this.#loadTexts();
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
    const newest = METRICS.map(type => this.samples.of(type).last).filter(known);
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
}
