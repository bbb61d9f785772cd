import { h } from '../../dom.js';
import { bytes, count, known, percent, whole } from '../../format.js';
import { each, overall, perSecond } from '../../metrics.js';
import { tableOf } from './rows.js';

const NETWORK = 'pitot.HostNetwork';
const TCP = 'pitot.HostTcp';
const both = (one, other) => v => (known(v(one)) && known(v(other)) ? v(one) + v(other) : null);
const ofSecond = metric => v => (known(metric(v)) && v('interval') > 0 ? (metric(v) / v('interval')) * 1e9 : null);

const COLUMNS = [
  ['in', 'In/s', 'Bytes received per second', bytes, perSecond('receivedBytes')],
  ['out', 'Out/s', 'Bytes sent per second', bytes, perSecond('sentBytes')],
  ['packetsIn', 'Packets in/s', 'Packets received per second', whole, perSecond('receivedPackets')],
  ['packetsOut', 'Packets out/s', 'Packets sent per second', whole, perSecond('sentPackets')],
  ['errors', 'Errors/s', 'Errors of both directions per second', count, ofSecond(both('receiveErrors', 'sendErrors'))],
  ['drops', 'Drops/s', 'Packets dropped, of both directions, per second', count, ofSecond(both('receiveDrops', 'sendDrops'))],
];

/** @type {[string, import('../../chart.js').ChartSpec][]} */
const CHARTS = [
  [TCP, { title: 'TCP connections', unit: 'count', help: 'pitot.HostTcp: of the network namespace; the states are counted each 10 s or more rarely', format: count, floor: 4, empty: 'Not measured in this window.', lines: [
    { label: 'established', color: '--c1', value: each(v => v('established')), fill: true },
    { label: 'time-wait', color: '--c0', value: each(v => v('timeWait')) },
    { label: 'close-wait', color: '--c2', value: each(v => v('closeWait')), optional: true }] }],
  [TCP, { title: 'TCP opened', unit: 'per second', help: 'pitot.HostTcp: activeOpens, passiveOpens', format: whole, floor: 4, empty: 'Not measured in this window.', lines: [
    { label: 'by this side', color: '--c1', value: each(perSecond('activeOpens')), fill: true },
    { label: 'by others', color: '--c3', value: each(perSecond('passiveOpens')) }] }],
  [TCP, { title: 'TCP trouble', unit: 'per second', help: 'pitot.HostTcp: retransmits; resets received; connections dropped because nobody accepted them in time', format: whole, floor: 4, empty: 'Not measured in this window.', lines: [
    { label: 'sent again', color: '--c2', value: each(perSecond('retransmits')), fill: true },
    { label: 'resets', color: '--c4', value: each(perSecond('resetsReceived')) },
    { label: 'not accepted', color: '--c0', value: each(perSecond('listenDrops')), optional: true }] }],
];

export const network = {
  id: 'host-network',
  title: 'Network',
  types: [TCP],

  line({ samples }, since) {
    const tcp = samples.of(TCP);
    // What a machine says to itself is no traffic.
    const all = [...samples.keys(NETWORK)].filter(([device]) => device !== 'lo').map(([, series]) => series);
    const rate = metric => all.map(series => overall(metric, series, since)).filter(known).reduce((total, value) => total + value, 0);
    if (!samples.keys(NETWORK).size && !tcp.t.length) return null;
    const again = overall(v => (v('segmentsSent') > 0 && known(v('retransmits')) ? v('retransmits') / v('segmentsSent') : null), tcp, since);
    return [
      all.length > 0 && `${bytes(rate(perSecond('receivedBytes')))}/s in · ${bytes(rate(perSecond('sentBytes')))}/s out`,
      known(tcp.newest('established')) && `${count(tcp.newest('established'))} TCP connections`,
      again > 0.001 && `${percent(again)} of the segments sent again`,
    ].filter(Boolean).join(' · ');
  },

  absent({ samples }) {
    return [!samples.keys(NETWORK).size && 'network interfaces'];
  },

  make(page) {
    const devices = tableOf(page, 'Network interfaces', NETWORK, 'Interface', COLUMNS);
    const charts = page.makeCharts(CHARTS);
    return {
      charts: charts.map(([, chart]) => chart),
      elements: [...devices.elements, h('div.grid.block', null, ...charts.map(([, chart]) => chart.element))],
      show: since => {
        devices.show(since);
        page.draw(charts);
      },
    };
  },
};
