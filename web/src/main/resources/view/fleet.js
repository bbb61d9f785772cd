import { instructions } from './add.js';
import { h, setAttribute, setChildren, setText } from './dom.js';
import { NONE, bytes, clock, count, dateTime, duration, known, millis, percent, rate } from './format.js';
import { Table } from './table.js';

const WORD = { live: 'Live', quiet: 'Quiet', ended: 'Ended', unknown: 'Unknown' };
const SHAPE = { live: 'on', quiet: 'partial', ended: 'off', unknown: 'off' };
/** The collector sends the fleet each second; without it for so long, ms, the connection is there in name only. */
const SILENCE = 8000;

/** What can be said of a JVM's state: without the collector, not that it lives. */
export const shownState = (jvm, lost) => (lost && jvm.state !== 'ended' ? 'unknown' : jvm.state);

/** Said while there is no connection; `last` is the time of the newest data shown, ms. */
export const lostNotice = last => `No connection to the collector: what you see are the last data it sent, of ${clock(last)}. The page catches up by itself.`;

/** State of a JVM by shape and word, so that it does not hang on colour. */
export function badge(state) {
  return h('span.badge', { 'data-state': state }, h('i.shape', { 'data-shape': SHAPE[state] ?? 'off' }), WORD[state] ?? state);
}

/** How long a live JVM runs, or how long ago another was last heard of. */
export function age(jvm, now) {
  return jvm.state === 'live' ? 'up ' + duration(now - jvm.started) : `${duration(now - jvm.lastSeen)} ago`;
}

/** All JVMs, one row each. */
export class FleetPage {
  /**
   * @param {import('./app.js').Context} context
   * @param {URLSearchParams} parameters `q` the filter, `sort` the column
   */
  constructor(context, parameters) {
    this.context = context;
    /** @type {any[] | null} null until the first answer */
    this.jvms = null;
    /** Of the newest answer: by the server's clock, and when it came by the browser's. */
    this.sent = 0;
    this.came = Date.now();
    /** Whether what is shown is no longer known to be so. */
    this.lost = false;
    const now = () => (this.lost ? this.sent : context.now());
    const latest = (key, format) => ({ number: true, value: jvm => (jvm.state === 'ended' ? null : jvm.latest?.[key]), text: jvm => (jvm.state === 'ended' ? NONE : format(jvm.latest?.[key])) });
    this.table = new Table('JVMs', [
      { key: 'state', label: 'State', value: jvm => ['live', 'quiet', 'ended'].indexOf(jvm.state), draw: (cell, jvm) => {
        const state = shownState(jvm, this.lost);
        setChildren(cell, state, () => badge(state));
      } },
      { key: 'service', label: 'Service', value: jvm => jvm.service, draw: drawService },
      { key: 'host', label: 'Host · process', value: jvm => jvm.host + jvm.pid, draw: (cell, jvm) => setChildren(cell, jvm.host + jvm.pid, () => [h('span.clip', { title: jvm.host }, jvm.host), h('span.dim', null, ` · ${jvm.pid}`)]) },
      { key: 'java', label: 'Java', value: jvm => jvm.java, text: jvm => jvm.java ?? NONE },
      { key: 'age', label: 'Up / last seen', title: 'Time since its start; when not live, since it was last heard of', number: true, value: jvm => (jvm.state === 'live' ? now() - jvm.started : now() - jvm.lastSeen), text: jvm => age(jvm, now()) },
      { key: 'cpu', label: 'CPU', title: 'CPU of the process, share of the whole machine', ...latest('cpu', percent) },
      { key: 'heap', label: 'Heap', title: 'Heap used, of its maximum', number: true, value: jvm => (jvm.state === 'ended' ? null : jvm.latest?.heapUsed), draw: drawHeap },
      { key: 'threads', label: 'Threads', ...latest('threads', count) },
      { key: 'rate', label: 'Req/s', title: 'Requests per second', ...latest('requestRate', rate) },
      { key: 'errors', label: 'Err/s', title: 'Failed requests per second', ...latest('errorRate', rate), tone: jvm => (jvm.state !== 'ended' && jvm.latest?.errorRate > 0 ? 'bad' : '') },
      { key: 'p99', label: 'p99', title: '99th percentile of request durations', ...latest('p99', millis) },
    ], jvm => jvm.id, parameters.get('sort') ?? 'state', sort => context.setParameters({ sort }));
    this.filter = h('input', { type: 'search', placeholder: 'Filter by service, host, label', 'aria-label': 'Filter JVMs', spellcheck: 'false', value: parameters.get('q') ?? '',
      oninput: () => context.setParameters({ q: this.filter.value }) });
    this.summary = h('p.dim', { 'aria-live': 'polite' });
    this.notices = h('div.notices', { 'aria-live': 'polite' });
    this.place = h('div');
    this.element = h('div.page', null, h('div.pagehead', null, h('h1', null, 'JVMs'), this.summary, this.filter), this.notices, this.place);
    this.#show();
  }

  watch() {
    return { watch: 'fleet' };
  }

  message(message) {
    if (message.kind !== 'fleet') return;
    this.jvms = message.jvms;
    this.sent = message.now;
    this.came = Date.now();
    this.#show();
  }

  navigate(parameters) {
    const filter = parameters.get('q') ?? '';
    if (this.filter.value !== filter) this.filter.value = filter;
    this.table.setSort(parameters.get('sort') ?? 'state');
    this.#show();
  }

  tick() {
    this.#show();
  }

  title() {
    if (this.lost) return 'No connection';
    const live = this.jvms?.filter(jvm => jvm.state === 'live').length;
    return live === undefined ? 'JVMs' : `${live} live`;
  }

  redraw() {}

  close() {}

  #show() {
    this.lost = this.context.lost() || (this.context.connected() && Date.now() - this.came > SILENCE);
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.jvms?.filter(jvm => {
      const text = [jvm.service, jvm.host, jvm.pid, jvm.java, shownState(jvm, this.lost), ...Object.entries(jvm.labels ?? {}).map(pair => pair.join(':'))].join(' ').toLowerCase();
      return words.every(word => text.includes(word));
    });
    const kind = !this.jvms ? (this.lost ? 'lost' : 'waiting') : !this.jvms.length ? 'none' : !shown.length ? 'unmatched' : 'table';
    this.filter.hidden = !this.jvms?.length;
    setChildren(this.notices, this.lost && this.jvms ? 'lost' : '', () => this.lost && this.jvms && h('p.notice', { 'data-tone': 'warn' }, lostNotice(this.sent)));
    setChildren(this.place, kind, () => ({
      waiting: () => h('p.panel.empty', null, 'Waiting for the collector’s first answer…'),
      lost: () => h('section.panel.empty', { role: 'status' }, h('h2', null, 'No connection to the collector'),
        h('p', null, 'Nothing has been heard of it since this page was opened. Is it running, and is the network up? The page goes on trying by itself.')),
      none: () => h('section.panel.empty', null, h('h2', null, 'No JVM has reported yet'), ...instructions(this.context.api)),
      unmatched: () => h('p.panel.empty', null, 'No JVM matches this filter.'),
      table: () => h('div.panel.fleet', null, this.table.element),
    })[kind]());
    setAttribute(this.element, 'data-lost', this.lost ? '' : null);
    if (!this.jvms) return;
    const number = state => this.jvms.filter(jvm => jvm.state === state).length;
    setText(this.summary, this.lost ? `${this.jvms.length} as of ${clock(this.sent)}` : this.jvms.length ? ['live', 'quiet', 'ended'].filter(number).map(state => `${number(state)} ${state}`).join(' · ') : '');
    this.table.update(shown);
    for (const jvm of shown) setAttribute(this.table.lines.get(jvm.id), 'data-state', shownState(jvm, this.lost));
  }
}

function drawService(cell, jvm) {
  const labels = Object.entries(jvm.labels ?? {});
  setChildren(cell, jvm.id + jvm.service + JSON.stringify(labels) + jvm.gap, () => h('div.service', null,
    h('a.clip', { href: `#/jvm/${encodeURIComponent(jvm.id)}`, title: jvm.service }, jvm.service),
    jvm.gap && h('span.warn', { title: jvm.gap, role: 'img', 'aria-label': 'Data is missing: ' + jvm.gap }, '▲'),
    ...labels.slice(0, 3).map(([key, value]) => h('span.label', { title: `${key}: ${value}` }, `${key}:${value}`))));
}

function drawHeap(cell, jvm) {
  const used = jvm.state === 'ended' ? null : jvm.latest?.heapUsed;
  const max = jvm.latest?.heapMax;
  const full = known(used) && known(max) && max > 0;
  setChildren(cell, full ? 'bar' : known(used) ? 'used' : 'none', () => [h('span'), full && h('span.bar', { role: 'presentation' }, h('i'))]);
  setText(cell.firstChild, known(used) ? bytes(used) + (full ? ` / ${bytes(max)}` : '') : NONE);
  if (full) cell.lastChild.firstChild.style.width = `${Math.min(100, (used / max) * 100).toFixed(1)}%`;
  setAttribute(cell, 'title', known(used) ? (full ? `${percent(used / max)} of the maximum` : 'The JVM states no maximum') : `Last seen ${dateTime(jvm.lastSeen)}`);
}
