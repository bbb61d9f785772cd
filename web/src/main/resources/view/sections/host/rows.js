import { h } from '../../dom.js';
import { known } from '../../format.js';
import { overall } from '../../metrics.js';
import { Table } from '../../table.js';

/**
 * The content of a part whose rows are the keys of a type: metrics over the newest seconds.
 *
 * @param {import('../../jvm.js').JvmPage} page
 * @param {string} title
 * @param {string} type
 * @param {string} first heading of the key
 * @param {[key: string, label: string, title: string, format: (value: number | null) => string, metric: import('../../metrics.js').Metric][]} columns
 */
export function tableOf(page, title, type, first, columns) {
  const table = new Table(title, [
    { key: 'key', label: first, value: row => row.key, text: row => row.key },
    ...columns.map(([key, label, help, format]) => ({ key, label, title: help, number: true, value: row => row[key], text: row => format(row[key]) })),
  ], row => row.key, 'key', () => {});
  return {
    elements: [h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': `${title}, scrolls sideways` }, table.element)],
    show: since => {
      const rows = [];
      for (const [name, series] of page.samples.keys(type)) {
        if (series.last <= since) continue;
        rows.push({ key: name, ...Object.fromEntries(columns.map(([key, , , , metric]) => [key, overall(metric, series, since)])) });
      }
      // A column without any value says nothing; which ones there are is in the documentation.
      table.hide(new Set(columns.map(([key]) => key).filter(key => rows.length && !rows.some(row => known(row[key])))));
      table.update(rows);
    },
  };
}
