import { h, setAttribute, setChildren, setText } from '../dom.js';
import { Fold } from '../fold.js';
import { NONE, bytes, clock, count, known, millis, percent, ratio, sentence, short } from '../format.js';
import { drawParts, inWords, legend, legendOf, partList, partsOf } from '../parts.js';

/** What is asked for, ms: the last quarter of an hour. */
const WINDOW = 15 * 60_000;
/** So often while it is open, ms. */
const EVERY = 10_000;
const MOST = 20;
const MOST_WITHIN = 200;
/** What the agent calls slow unless it is told otherwise, ms: of what took less it keeps only so many a second. */
const SLOW = 500;
const THRESHOLDS = [20, 100, SLOW, 1000, 5000];
/** As many as this tell something; of a service with fewer slow requests the next lower threshold does, until one is chosen. */
const ENOUGH = 5;

const WITHIN = { 'pitot.SqlStatement': ['sql', 'SQL'], 'pitot.HttpCall': ['call', 'HTTP call'], 'pitot.ConnectionWait': ['pool', 'Pool'], 'pitot.HttpRequest': ['onCpu', 'Request'] };

/** What to know of the counters of a request before they are believed; null where they counted all of it, or there are none. */
function countedOf({ counterSource, counterRunning }) {
  if (counterSource?.startsWith('carrier switched')) return 'none, nor CPU time: a virtual thread worked on it, of which they are not known';
  return known(counterRunning) && counterRunning < 0.995 ? `ran ${percent(counterRunning)} of the time, scaled` : null;
}

/** The last requests that took long or failed, each with what its time went to and what was in it. */
export class Slow {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.least = SLOW;
    /** Whether that was somebody's choice. */
    this.chosen = false;
    /** @type {any[] | null} null before the first answer */
    this.spans = null;
    this.failure = null;
    this.asked = 0;
    this.sql = {};
    this.fold = new Fold(page, { id: 'slow', title: 'Slow requests', open: true, make: () => this.#make() });
    this.element = this.fold.element;
    this.charts = [];
  }

  navigate(parameters) {
    const least = Number(parameters.get('slow'));
    const chosen = THRESHOLDS.includes(least);
    if (chosen === this.chosen && (!chosen || least === this.least)) return;
    this.chosen = chosen;
    this.least = chosen ? least : SLOW;
    this.spans = null;
    this.asked = 0;
  }

  close() {
    this.fold.close();
  }

  show() {
    const { spans } = this;
    const failed = spans?.filter(span => span.data.failed).length;
    this.fold.show(spans?.length ? `${spans.length}${spans.length === MOST ? ' of those' : ''} that took ${short(millis, this.least)} or failed${failed ? `, ${failed} failed` : ''}, in the last 15\u202fmin` : '');
    if (this.fold.isOpen && !document.hidden && Date.now() - this.asked > EVERY && (this.spans === null || this.failure || this.page.jvm.state === 'live')) this.#ask();
  }

  async #ask() {
    this.asked = Date.now();
    const { least, chosen, page } = this;
    try {
      let [best, found] = [least, await this.#took(least)];
      for (let lower = THRESHOLDS.indexOf(least) - 1; !chosen && lower >= 0 && found.slow < ENOUGH; lower--) {
        const more = await this.#took(THRESHOLDS[lower]);
        if (more.slow > found.slow) [best, found] = [THRESHOLDS[lower], more];
      }
      if (least !== this.least || chosen !== this.chosen) return;
      this.least = best;
      this.spans = found.spans;
      this.failure = null;
    } catch (failure) {
      this.failure = failure.message;
    }
    if (!page.closed) page.show();
  }

  /** The newest that took so many ms, or failed. */
  async #took(least) {
    const { page } = this;
    const from = page.to - WINDOW;
    // Of a JVM that lives, what came since the newest sample too; its clock may be ahead of the collector's.
    const to = page.jvm.state === 'live' ? Math.max(page.to, page.context.now()) + 60_000 : page.to + 1;
    const { spans } = await (await page.context.api(`jvms/${encodeURIComponent(page.id)}/spans?type=pitot.HttpRequest&min=${least}&from=${from}&to=${to}&limit=${MOST}`)).json();
    return { spans, slow: spans.filter(span => span.data.duration >= least * 1e6).length };
  }

  #make() {
    const place = h('div');
    const bar = h('div.segments', { role: 'group', 'aria-label': 'Slow is' }, ...THRESHOLDS.map(least =>
      h('button', { type: 'button', 'data-least': least, onclick: () => this.page.context.setParameters({ slow: String(least) }) }, `≥ ${short(millis, least)}`)));
    const list = h('ol.slow.panel');
    const key = h('ul.legend.parts-legend', { 'aria-label': 'Where the time goes' });
    const said = h('p.panel.empty', { role: 'status' });
    const note = h('p.help', null, `Below ${short(millis, SLOW)}, or what http.slow is set to, the agent keeps requests one by one up to a limit (http.events, 100 a second unless set otherwise): there may have been more of these.`);
    place.append(h('div.slowbar', null, bar, key), said, list, note);
    const lines = new Map();
    return {
      elements: [place],
      show: () => {
        for (const button of bar.children) setAttribute(button, 'aria-pressed', String(Number(button.dataset.least) === this.least));
        const spans = this.spans ?? [];
        said.hidden = spans.length > 0 && !this.failure;
        list.hidden = !spans.length;
        note.hidden = !spans.length || this.least >= SLOW;
        setText(said, this.failure ? `Slow requests could not be read: ${sentence(this.failure)}` : this.spans ? `No request took ${short(millis, this.least)} or failed in the last 15 minutes of data.` : 'Looking…');
        const parts = legendOf(spans.map(span => partsOf(span.data)));
        setChildren(key, parts.map(([part]) => part).join(), () => legend(parts));
        const kept = new Set();
        spans.forEach((span, place) => {
          const id = `${span.chunk} ${span.offset}`;
          kept.add(id);
          if (!lines.has(id)) lines.set(id, this.#line(span));
          const line = lines.get(id);
          if (list.children[place] !== line) list.insertBefore(line, list.children[place] ?? null);
        });
        for (const [id, line] of lines) {
          if (!kept.has(id)) {
            line.remove();
            lines.delete(id);
          }
        }
      },
    };
  }

  #line(span) {
    const { data } = span;
    const time = partsOf(data);
    const split = h('span.splitplace');
    const body = h('div.within');
    const details = h('details', { ontoggle: () => details.open && !body.children.length && this.#open(span, time, body) },
      h('summary', null,
        h('span.dim', null, clock(span.ts)),
        h('span.endpoint', { title: `${data.method} ${data.route}` }, h('span.method', null, data.method), data.route ?? NONE),
        h('span.outcome', { 'data-tone': data.failed ? 'bad' : null }, data.failed ? `failed${data.status ? ` ${data.status}` : ''}` : String(data.status || NONE)),
        h('b.number', null, millis(data.duration / 1e6)),
        split),
      body);
    drawParts(split, time);
    return h('li', null, details);
  }

  async #open(span, time, body) {
    const { data } = span;
    const ms = name => (known(data[name]) ? millis(data[name] / 1e6) : null);
    const number = name => (known(data[name]) ? count(Math.round(data[name])) : null);
    const perThousand = name => (data.instructions > 0 && known(data[name]) ? `${ratio((data[name] / data.instructions) * 1000)} per 1000 instructions` : null);
    const made = (number, what, took) => number > 0 && `${count(number)} ${what}${number === 1 ? '' : 's'}, ${millis(took / 1e6)}`;
    const facts = [
      ['Error', data.error], ['CPU time', ms('cpuTime')], ['Wait for a CPU', ms('runQueueWait')],
      ['Allocated', known(data.allocated) ? bytes(data.allocated) : null],
      ['Context switches', number('contextSwitches')], ['Page faults', number('pageFaults')], ['Instructions', number('instructions')],
      ['IPC', data.cycles > 0 && known(data.instructions) ? ratio(data.instructions / data.cycles) : null],
      ['Cache misses', perThousand('cacheMisses')], ['Branch misses', perThousand('branchMisses')], ['Counters', countedOf(data)],
      ['SQL', made(data.sqlStatements, 'statement', data.sqlDuration)], ['HTTP calls', made(data.httpCalls, 'call', data.httpCallDuration)],
      ['Logged errors', data.loggedErrors > 0 ? count(data.loggedErrors) : null],
      // Where there were tasks, the event is of the thread that ended the last one: not of the one that the request came in on.
      data.otherThreads > 0 ? ['On other threads', `${count(data.otherThreads)} task${data.otherThreads === 1 ? '' : 's'}${data.unfollowedTasks > 0 ? `; ${count(data.unfollowedTasks)} more are not in these figures` : ''}`] : ['Thread', data.thread],
      ['Trace', data.traceId], ['Span', data.spanId],
    ].filter(([, value]) => value);
    const inside = h('div.inside', null, h('p.dim', { role: 'status' }, 'Looking for what was in it…'));
    body.replaceChildren(
      h('div.why', null,
        time ? h('div', null, h('p.unseen', null, inWords(time)), partList(time)) : h('p.dim', null, 'Where its time went could not be measured.'),
        h('dl.costs', null, ...facts.map(([label, value]) => h('div', null, h('dt', null, label), h('dd', null, value))))),
      inside);
    const asked = data.sqlStatements > 0 || data.httpCalls > 0 || time?.pool > 0;
    if (!data.spanId || !asked) {
      inside.replaceChildren(h('p.dim', null, asked ? 'What was in it is not known.' : 'It ran no SQL statement and made no HTTP call.'));
      return;
    }
    const { page } = this;
    try {
      const to = span.ts + Math.ceil(data.duration / 1e6) + 1000;
      const { spans, sql } = await (await page.context.api(`jvms/${encodeURIComponent(page.id)}/spans?parent=${data.spanId}&from=${span.ts - 1}&to=${to}&limit=${MOST_WITHIN}`)).json();
      inside.replaceChildren(...this.#within(span, spans.reverse(), sql));
    } catch (failure) {
      inside.replaceChildren(h('p.dim', { role: 'status' }, `What was in it could not be read: ${sentence(failure.message)}`));
    }
  }

  /** When each thing in it was under way. */
  #within({ ts, data }, spans, sql) {
    const all = data.duration / 1e6;
    const said = spans.length
      ? `${spans.length} of what was in it ${spans.length === 1 ? 'is' : 'are'} kept one by one, on the time of the request: what was slow or failed, and others up to a limit.`
      : 'Of what was in it nothing was kept one by one: it was fast, and beyond what is kept in a second.';
    const share = value => `${(Math.min(1, Math.max(0, value / all)) * 100).toFixed(2)}%`;
    const rows = spans.map(one => {
      const [part, label] = WITHIN[one.type] ?? ['unknown', one.type];
      const took = one.data.duration / 1e6;
      const text = one.type === 'pitot.SqlStatement' ? sql[one.data.statement] ?? one.data.statement : one.type === 'pitot.ConnectionWait' ? one.data.pool : `${one.data.method} ${one.data.target ?? ''}${one.data.route ?? ''}`;
      const mark = h('i', { 'data-part': part });
      mark.style.left = share(one.ts - ts);
      mark.style.width = share(took);
      return h('li', { title: text }, h('span.dim', null, label), h('span.what', null, text), h('span.course', { role: 'presentation' }, mark),
        h('b.number', { 'data-tone': one.data.failed ? 'bad' : null }, millis(took)));
    });
    return [h('p.dim', null, said), rows.length && h('ol.course-list', null, ...rows)].filter(Boolean);
  }
}
