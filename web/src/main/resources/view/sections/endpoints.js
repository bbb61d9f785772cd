import { h, setChildren, setText } from '../dom.js';
import { MADE, endpointColumns, hideAbsent } from '../endpoints.js';
import { clock } from '../format.js';
import { legend, legendOf } from '../parts.js';
import { Table } from '../table.js';

/** What each endpoint did in the last minute of data. */
export class Endpoints {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page, sort) {
    this.page = page;
    this.table = new Table('Endpoints', endpointColumns(), row => `${row.method} ${row.route}`, sort, order => page.context.setParameters({ sort: order }));
    this.note = h('p.help');
    this.head = h('span.dim');
    this.place = h('div');
    this.legend = h('ul.legend.parts-legend', { 'aria-label': 'Where the time goes' });
    this.element = h('section', { 'aria-labelledby': 'endpoints' },
      h('div.sectionhead', null, h('h2', { id: 'endpoints' }, 'Endpoints'), this.head), this.place, this.legend, this.note);
    this.charts = [];
  }

  setSort(sort) {
    this.table.setSort(sort);
  }

  show() {
    const { tables, status } = this.page;
    const { endpoints } = tables;
    const rows = endpoints?.endpoints ?? [];
    setText(this.head, rows.length ? `${endpoints.total > rows.length ? `${rows.length} of ${endpoints.total}, those that took the most time,` : rows.length} in the 60\u202fs to ${clock(endpoints.to)}` : '');
    setChildren(this.place, rows.length ? 'table' : endpoints ? 'none' : 'waiting', () => rows.length
      ? h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Endpoints, scrolls sideways' }, this.table.element)
      : h('p.panel.empty', null, endpoints ? 'No request finished in the last 60 s of data. Endpoints appear when the service answers HTTP requests.' : 'Waiting for the first summary of requests…'));
    const parts = legendOf(rows.map(row => row.time));
    this.legend.hidden = !parts.length;
    setChildren(this.legend, parts.map(([key]) => key).join(), () => legend(parts));
    setText(this.note, hideAbsent(this.table, rows, status, MADE));
    this.table.update(rows);
  }

  close() {}
}
