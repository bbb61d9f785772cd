import { bytes, known, millis, percent, ratio, whole } from '../../format.js';
import { metrics, overall, perSecond } from '../../metrics.js';
import { tableOf } from './rows.js';

const DISK = 'pitot.HostDisk';
const toMillis = metric => v => (known(metric(v)) ? metric(v) / 1e6 : null);

const COLUMNS = [
  ['read', 'Read/s', 'Bytes read per second', bytes, perSecond('readBytes')],
  ['written', 'Written/s', 'Bytes written per second', bytes, perSecond('writtenBytes')],
  ['reads', 'Reads/s', 'Finished reads per second', whole, perSecond('reads')],
  ['writes', 'Writes/s', 'Finished writes per second', whole, perSecond('writes')],
  ['readLatency', 'Read latency', 'Mean time of a read', millis, toMillis(metrics.diskReadLatency)],
  ['writeLatency', 'Write latency', 'Mean time of a write', millis, toMillis(metrics.diskWriteLatency)],
  ['busy', 'Busy', 'Part of the time with a request under way; a disk that serves many at once may be far from its limit at 100 %', percent, metrics.diskBusy],
  ['queue', 'Queue', 'Requests under way or waiting, on average', ratio, metrics.diskQueue],
];

export const disks = {
  id: 'host-disks',
  title: 'Disks',
  types: [],

  line({ samples }, since) {
    const all = [...samples.keys(DISK)].map(([device, series]) => ({ device, busy: overall(metrics.diskBusy, series, since), read: overall(perSecond('readBytes'), series, since), written: overall(perSecond('writtenBytes'), series, since) })).filter(disk => known(disk.read));
    if (!all.length) return null;
    const sum = key => all.reduce((total, disk) => total + (disk[key] ?? 0), 0);
    const busiest = all.reduce((most, disk) => ((disk.busy ?? 0) > (most.busy ?? 0) ? disk : most));
    return `${bytes(sum('read'))}/s read · ${bytes(sum('written'))}/s written · ${busiest.device} busy ${percent(busiest.busy)} of the time`;
  },

  absent({ samples }) {
    return [!samples.keys(DISK).size && 'disks'];
  },

  make: page => tableOf(page, 'Disks', DISK, 'Device', COLUMNS),
};
