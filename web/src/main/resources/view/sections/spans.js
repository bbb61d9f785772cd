import { h, setAttribute, setChildren, setText } from '../dom.js';
import { Fold } from '../fold.js';
import { clock, count, rate, sentence } from '../format.js';
import { legend, legendOf } from '../parts.js';
import { busy, counterColumns, hideAbsent, perRequest, spanColumns } from '../spans.js';
import { Table } from '../table.js';

/** Why there is nothing of what a part of the agent watches. */
export function whyNone(status, part, none, what) {
  const entry = status.find(one => one.part === part);
  if (entry?.state === 'off') return `${what} are not watched: ${sentence(entry.reason) || 'the agent gives no reason.'}${entry.remedy ? ' ' + sentence(entry.remedy) : ''}`;
  if (!entry && status.length) return `${what} are not watched: this agent says nothing of them, it may be of an older version.`;
  return none;
}

const name = (key, label) => ({ key, label, value: row => row[key], text: row => row[key] || '(no name)' });

/** A statement is one line; pressed, all of it. */
const statement = texts => ({
  key: 'sql', label: 'Statement', value: row => texts.get(row.statement) ?? row.statement,
  draw: (cell, row) => {
    const text = texts.get(row.statement) || (row.statement === 'other' ? 'other statements' : row.statement);
    setChildren(cell, text, () => {
      const button = h('button.sql', {
        type: 'button', title: text, 'aria-expanded': 'false',
        onclick: () => setAttribute(button, 'aria-expanded', String(button.getAttribute('aria-expanded') !== 'true')),
      }, text);
      return button;
    });
  },
});

/** A table of one kind of spans over the last minute of data, folded under a line that says how much there is. */
class SpanSection {
  /**
   * @param {import('../jvm.js').JvmPage} page
   * @param {object} spec
   * @param {string} spec.kind of the table
   * @param {string} spec.title
   * @param {string} spec.part of the agent that watches them
   * @param {string} spec.none when there is nothing
   * @param {boolean} spec.open
   * @param {(row: any) => string} spec.key
   * @param {import('../table.js').Column[]} spec.columns
   * @param {string[]} [spec.others] columns that may have nothing
   */
  constructor(page, spec) {
    Object.assign(this, { page, spec });
    this.fold = new Fold(page, { id: spec.kind, title: spec.title, open: spec.open, make: () => this.#make() });
    this.element = this.fold.element;
    this.charts = [];
  }

  close() {
    this.fold.close();
  }

  get rows() {
    return this.page.tables[this.spec.kind]?.[this.spec.kind] ?? [];
  }

  show() {
    const table = this.page.tables[this.spec.kind];
    const { rows } = this;
    const all = rows.reduce((sum, row) => sum + row.rate, 0);
    const busy = rows.reduce((sum, row) => sum + row.rate * (row.mean ?? 0), 0) / 1000;
    const errors = rows.reduce((sum, row) => sum + row.errors, 0);
    this.fold.show(rows.length
      ? [`${table.total > rows.length ? `${rows.length} of ${table.total}, those that took the most time,` : count(rows.length)} in the 60\u202fs to ${clock(table.to)}`, `${rate(all)} per second`,
        `${count(busy)} at a time on average`, errors > 0 && `${count(errors)} failed`].filter(Boolean).join(' · ')
      : this.fold.isOpen ? '' : 'none in the last 60\u202fs');
  }

  #make() {
    const { spec, page } = this;
    const table = new Table(spec.title, spec.columns, spec.key, '-total', () => {});
    const place = h('div');
    const key = h('ul.legend.parts-legend', { 'aria-label': 'Where the time goes' });
    const note = h('p.help');
    return {
      elements: [place, key, note],
      show: () => {
        const { rows } = this;
        const none = whyNone(page.status, spec.part, spec.none, spec.title);
        setChildren(place, rows.length ? 'table' : none, () => rows.length
          ? h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': `${spec.title}, scrolls sideways` }, table.element)
          : h('p.panel.empty', null, none));
        const parts = legendOf(rows.map(row => row.time));
        key.hidden = !parts.length;
        setChildren(key, parts.map(([part]) => part).join(), () => legend(parts));
        const hidden = hideAbsent(table, rows, page.status, spec.others);
        // The endpoints above say the same of themselves.
        setText(note, page.tables.endpoints?.endpoints.length ? '' : hidden);
        table.update(rows);
      },
    };
  }
}

const columns = (first, words) => {
  const [perSecond, ...rest] = spanColumns(words);
  return [first, busy(words.of), perSecond, ...rest];
};

export const statements = page => new SpanSection(page, {
  kind: 'statements', title: 'SQL statements', part: 'sql', open: true, key: row => row.statement,
  none: 'No SQL statement ended in the last 60 s of data.',
  columns: [...columns(statement(page.sql), { of: 'statement', rate: 'Runs/s', slowest: 'run' }), perRequest('batched', 'Batched', 'Statements in batches per run'), ...counterColumns('statement')],
  others: ['batched'],
});

export const calls = page => new SpanSection(page, {
  kind: 'calls', title: 'HTTP calls', part: 'calls', open: true, key: row => row.target,
  none: 'No HTTP call to another server ended in the last 60 s of data.',
  columns: [...columns(name('target', 'Server'), { of: 'call', rate: 'Calls/s', slowest: 'call' }), ...counterColumns('call')],
});

export const pools = page => new SpanSection(page, {
  kind: 'pools', title: 'Connection pools', part: 'sql', open: true, key: row => row.pool,
  none: 'No pooled connection was asked for in the last 60 s of data.',
  columns: [...columns(name('pool', 'Pool'), { of: 'wait', rate: 'Asked/s', slowest: 'wait' }), ...counterColumns('wait')],
});

/** Who logged errors. */
export class Logged {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.fold = new Fold(page, { id: 'logged', title: 'Logged errors', open: true, make: () => this.#make() });
    this.element = this.fold.element;
    this.charts = [];
  }

  close() {
    this.fold.close();
  }

  show() {
    const rows = this.page.logged?.loggers ?? [];
    const all = rows.reduce((sum, row) => sum + row.count, 0);
    this.fold.show(rows.length ? `${count(all)} by ${rows.length === 1 ? 'one logger' : `${rows.length} loggers`} in the last 10\u202fmin` : this.fold.isOpen ? '' : 'none in the last 10\u202fmin');
  }

  #make() {
    const { page } = this;
    const table = new Table('Logged errors', [
      { key: 'logger', label: 'Logger', value: row => row.logger, text: row => row.logger },
      { key: 'error', label: 'Latest exception', value: row => row.error, text: row => row.error || '–' },
      { key: 'count', label: 'Events', title: 'Log events at level ERROR (SEVERE)', number: true, value: row => row.count, text: row => count(row.count), tone: () => 'bad' },
      { key: 'last', label: 'Latest', number: true, value: row => row.last, text: row => clock(row.last) },
    ], row => row.logger, '-count', () => {});
    const place = h('div');
    return {
      elements: [place],
      show: () => {
        const rows = page.logged?.loggers ?? [];
        const none = whyNone(page.status, 'log', 'Nothing was logged at level ERROR in the last ten minutes of data.', 'Logged errors');
        setChildren(place, rows.length ? 'table' : none, () => rows.length
          ? h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Logged errors, scrolls sideways' }, table.element)
          : h('p.panel.empty', null, none));
        table.update(rows);
      },
    };
  }
}
