import { h, setChildren } from '../../dom.js';
import { bytes, known, percent } from '../../format.js';
import { Table } from '../../table.js';

const FILES = 'pitot.HostFileSystem';
/** As df has it: what is kept for root is neither used nor free. */
const fill = (used, available) => (known(used) && known(available) && used + available > 0 ? used / (used + available) : null);
const rowsOf = ({ samples }) => [...samples.keys(FILES)].map(([mount, series]) => ({
  mount, device: series.newest('device') ?? '', type: series.newest('type') ?? '',
  used: series.newest('used'), available: series.newest('available'), total: series.newest('total'),
  fill: fill(series.newest('used'), series.newest('available')),
}));

const columns = () => {
  const size = (key, label) => ({ key, label, number: true, value: row => row[key], text: row => bytes(row[key]) });
  return [
    { key: 'mount', label: 'Mounted at', value: row => row.mount, text: row => row.mount },
    { key: 'device', label: 'Device', value: row => row.device, text: row => row.device },
    { key: 'type', label: 'Type', value: row => row.type, text: row => row.type },
    size('total', 'Size'), size('used', 'Used'), size('available', 'Available'),
    { key: 'fill', label: 'Full', title: 'used / (used + available)', number: true, value: row => row.fill, draw: drawFill },
  ];
};

function drawFill(cell, row) {
  setChildren(cell, percent(row.fill), () => [percent(row.fill), h('span.bar', { 'aria-hidden': 'true' }, h('i'))]);
  cell.querySelector('i').style.width = `${(row.fill ?? 0) * 100}%`;
}

export const filesystems = {
  id: 'host-files',
  title: 'File systems',
  types: [],

  line(page) {
    const rows = rowsOf(page).filter(row => known(row.fill)).sort((a, b) => b.fill - a.fill);
    if (!rows.length) return null;
    // Of the fullest; one with next to nothing in it is no news.
    const said = rows.filter((row, i) => i === 0 || (i < 3 && row.fill >= 0.01));
    return said.map(row => `${row.mount} ${percent(row.fill)} full`).join(' · ') + (rows.length > said.length ? ` · ${rows.length - said.length} more` : '');
  },

  absent({ samples }) {
    return [!samples.keys(FILES).size && 'local file systems'];
  },

  make(page) {
    const table = new Table('File systems', columns(), row => row.mount, '-fill', () => {});
    return {
      elements: [h('div.panel.scroll', { tabindex: '0', role: 'region', 'aria-label': 'File systems, scrolls sideways' }, table.element)],
      show: () => table.update(rowsOf(page)),
    };
  },
};
