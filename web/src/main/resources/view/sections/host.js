import { h, setChildren } from '../dom.js';
import { Fold } from '../fold.js';
import { sentence } from '../format.js';
import { container } from './host/container.js';
import { cpu } from './host/cpu.js';
import { disks } from './host/disks.js';
import { filesystems } from './host/filesystems.js';
import { memory } from './host/memory.js';
import { network } from './host/network.js';
import { pressure } from './host/pressure.js';

/**
 * @typedef {object} Part of the machine
 * @property {string} id
 * @property {string} title
 * @property {string[]} types of samples that its charts are drawn from
 * @property {(page: import('../jvm.js').JvmPage, since: number) => string | null} line how it is; null: there is nothing to see
 * @property {(page: import('../jvm.js').JvmPage) => (string | false)[]} absent what this machine does not have or show
 * @property {(page: import('../jvm.js').JvmPage) => import('../fold.js').Content} make
 */

/** @type {Part[]} */
const PARTS = [cpu, memory, container, pressure, disks, filesystems, network];
/** Of every type of them the newest seconds are wanted, for the lines. */
export const HOST_TYPES = ['Cpu', 'Core', 'Memory', 'Paging', 'Disk', 'FileSystem', 'Network', 'Tcp'].map(name => 'pitot.Host' + name).concat('pitot.Pressure', 'pitot.CgroupCpu', 'pitot.CgroupMemory');
/** Lines and tables are of the newest seconds, ms. */
const NEWEST = 10_000;

/** The machine and the control group that the JVM runs in: a line for each part, and what is behind it when it is opened. */
export class Host {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.folds = PARTS.map(part => new Fold(page, {
      id: part.id, title: part.title, level: 3, types: part.types,
      make: () => {
        const content = part.make(page);
        return { ...content, show: () => content.show(page.to - NEWEST) };
      },
    }));
    this.nothing = h('div');
    this.absent = h('p.help');
    this.element = h('section', { 'aria-labelledby': 'host' },
      h('div.sectionhead', null, h('h2', { id: 'host' }, 'Machine and container'), h('span.dim', null, `newest ${NEWEST / 1000}\u202fs`)),
      this.nothing, ...this.folds.map(fold => fold.element), this.absent);
  }

  get charts() {
    return this.folds.flatMap(fold => fold.charts);
  }

  close() {
    for (const fold of this.folds) fold.close();
  }

  show() {
    const { page } = this;
    const lines = PARTS.map(part => part.line(page, page.to - NEWEST));
    this.folds.forEach((fold, i) => fold.show(lines[i]));
    const any = lines.some(line => line !== null);
    const absent = any ? PARTS.flatMap(part => part.absent(page)).filter(Boolean) : [];
    this.absent.hidden = !absent.length;
    setChildren(this.absent, absent.join(), () => `Not there, or not shown to this JVM: ${absent.join(', ')}.`);
    const status = page.status.find(entry => entry.part === 'host');
    setChildren(this.nothing, JSON.stringify([any, status]), () => !any && h('p.panel.empty', null, status && status.state !== 'on'
      ? `Nothing is measured of the machine. ${sentence(status.reason)} ${sentence(status.remedy)}`
      : 'No sample of the machine has come yet.'));
  }
}
