import { h, setChildren, setText } from '../dom.js';
import { endpointColumns, hideAbsent } from '../endpoints.js';
import { clock } from '../format.js';
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
    this.element = h('section', { 'aria-labelledby': 'endpoints' },
      h('div.sectionhead', null, h('h2', { id: 'endpoints' }, 'Endpoints'), this.head), this.place, this.note);
    this.charts = [];
  }

  setSort(sort) {
    this.table.setSort(sort);
  }

  show() {
    const { endpoints, status } = this.page;
    const rows = endpoints?.endpoints ?? [];
    setText(this.head, rows.length ? `${rows.length} in the 60\u202fs to ${clock(endpoints.to)}` : '');
    setChildren(this.place, rows.length ? 'table' : endpoints ? 'none' : 'waiting', () => rows.length
      ? h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Endpoints, scrolls sideways' }, this.table.element)
      : h('p.panel.empty', null, endpoints ? 'No request finished in the last 60 s of data. Endpoints appear when the service answers HTTP requests.' : 'Waiting for the first summary of requests…'));
    setText(this.note, hideAbsent(this.table, rows, status));
    this.table.update(rows);
  }

  close() {}
}
