import { h, setChildren } from './dom.js';
import { percent } from './format.js';
import { busy, counterColumns, perRequest, spanColumns } from './spans.js';

export { hideAbsent } from './spans.js';

/** What a request does of others; hidden when none does. */
export const MADE = ['sqlStatements', 'httpCalls', 'loggedErrors'];

/** @returns {import('./table.js').Column[]} */
export function endpointColumns() {
  const [perSecond, ...measured] = spanColumns({ of: 'request', rate: 'Req/s', slowest: 'request' });
  return [
    { key: 'route', label: 'Endpoint', value: row => row.route + row.method, draw: drawName },
    perSecond,
    busy('request'),
    ...measured,
    perRequest('sqlStatements', 'SQL', 'SQL statements and batches per request'),
    perRequest('httpCalls', 'Calls', 'HTTP calls per request'),
    perRequest('loggedErrors', 'Logged', 'Log events at level ERROR per request'),
    ...counterColumns('request'),
  ];
}

function drawName(cell, row) {
  const unseen = row.untimed > 0 && (row.untimed === row.count ? 'end not seen' : `end not seen ${percent(row.untimed / row.count)}`);
  const share = row.async === row.count ? 'async' : `async ${percent(row.async / row.count)}`;
  const said = unseen || (row.async > 0 ? share : '');
  setChildren(cell, said || 'made', () =>
    h('span.endpoint', { title: `${row.method} ${row.route}` },
      h('span.method', null, row.method),
      row.route,
      said && h('span.async', { title: unseen ? 'Handed to other threads that nobody saw finish: no duration here is of these requests' : 'Handed to other threads, which finished them' }, said)));
}
