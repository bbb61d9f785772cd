import { h, setAttribute, setText } from './dom.js';

/**
 * @typedef {object} Column
 * @property {string} key stands in the page's address when sorted by
 * @property {string} label
 * @property {string} [title] what it means, with the unit
 * @property {boolean} [number] right-aligned, first sorted descending
 * @property {(row: any) => any} value what to sort by
 * @property {(row: any) => string} [text] the cell, when it is plain text
 * @property {(cell: HTMLElement, row: any) => void} [draw] the cell, when it is more
 * @property {(row: any) => string} [tone] class of the cell
 */

/**
 * A table that is updated in place, row by row and cell by cell, so that focus, selection and scroll survive a refresh
 * each second. Sorted by a press on a heading; unknown values go last either way. While the pointer or the focus is on a
 * row the order stands still: nobody should press what has just moved under the pointer.
 */
export class Table {
  /**
   * @param {string} label accessible name
   * @param {Column[]} columns
   * @param {(row: any) => string} key identity of a row
   * @param {string} sort column key, `-` before it for descending
   * @param {(sort: string) => void} onSort
   */
  constructor(label, columns, key, sort, onSort) {
    this.columns = columns;
    this.key = key;
    this.onSort = onSort;
    this.rows = [];
    this.lines = new Map();
    this.hidden = new Set();
    this.heads = columns.map(column => {
      const button = h('button', { type: 'button', title: column.title, onclick: () => this.#press(column) }, column.label);
      return h('th', { scope: 'col', class: column.number ? 'number' : null, 'data-column': column.key }, button);
    });
    this.body = h('tbody');
    this.element = h('table', { 'aria-label': label }, h('thead', null, h('tr', null, ...this.heads)), this.body);
    this.setSort(sort);
  }

  setSort(sort) {
    const key = sort.replace(/^-/, '');
    this.column = this.columns.find(column => column.key === key) ?? this.columns[0];
    this.descending = sort.startsWith('-');
    this.heads.forEach((head, i) =>
      setAttribute(head, 'aria-sort', this.columns[i] !== this.column ? null : this.descending ? 'descending' : 'ascending'));
    this.update(this.rows, true);
  }

  #press(column) {
    const descending = column === this.column ? !this.descending : Boolean(column.number);
    const sort = (descending ? '-' : '') + column.key;
    this.setSort(sort);
    this.onSort(sort);
  }

  /** Hides whole columns, by key. */
  hide(keys) {
    this.hidden = keys;
    this.heads.forEach((head, i) => (head.hidden = keys.has(this.columns[i].key)));
  }

  /**
   * @param {any[]} rows
   * @param {boolean} [sort] in any case, even when a row is pointed at
   */
  update(rows, sort = false) {
    this.rows = rows;
    const held = !sort && this.body.matches(':hover, :focus-within');
    const places = held ? new Map([...this.body.children].map((line, place) => [line.dataset.row, place])) : null;
    const unknown = value => value === null || value === undefined || value === '';
    const sorted = [...rows].sort((left, right) => {
      const a = this.column.value(left);
      const b = this.column.value(right);
      if (unknown(a) || unknown(b)) return unknown(a) - unknown(b) || this.#tie(left, right);
      const order = typeof a === 'string' ? a.localeCompare(b) : a - b;
      return (this.descending ? -order : order) || this.#tie(left, right);
    });
    const place = row => places.get(this.key(row)) ?? Infinity;
    if (places) sorted.sort((left, right) => (place(left) === place(right) ? 0 : place(left) - place(right)));
    const gone = new Set(this.lines.keys());
    sorted.forEach((row, position) => {
      const key = this.key(row);
      gone.delete(key);
      let line = this.lines.get(key);
      if (!line) {
        line = h('tr', { 'data-row': key }, ...this.columns.map(column => h('td', { class: column.number ? 'number' : null, 'data-label': column.label, 'data-column': column.key })));
        this.lines.set(key, line);
      }
      this.columns.forEach((column, i) => {
        const cell = line.cells[i];
        cell.hidden = this.hidden.has(column.key);
        if (column.draw) column.draw(cell, row);
        else setText(cell, column.text(row));
        if (column.tone) setAttribute(cell, 'data-tone', column.tone(row) || null);
      });
      if (this.body.children[position] !== line) this.body.insertBefore(line, this.body.children[position] ?? null);
    });
    for (const key of gone) {
      this.lines.get(key).remove();
      this.lines.delete(key);
    }
  }

  #tie(left, right) {
    return this.key(left) < this.key(right) ? -1 : 1;
  }
}
