import { h, setChildren } from '../dom.js';
import { sentence } from '../format.js';

const partBadge = state => h('span.badge', { 'data-state': state }, h('i.shape', { 'data-shape': state }), state);

/** What is on, in part on and off in the agent, and why. */
export class Agent {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.place = h('div');
    this.element = h('section', { 'aria-labelledby': 'agent' }, h('div.sectionhead', null, h('h2', { id: 'agent' }, 'Agent')), this.place);
    this.charts = [];
  }

  show() {
    const order = { off: 0, partial: 1, on: 2 };
    const parts = [...this.page.status].sort((a, b) => (order[a.state] ?? 0) - (order[b.state] ?? 0) || a.part.localeCompare(b.part));
    // What works is one line of names; what does not has a line each, with the reason.
    const working = parts.filter(entry => entry.state === 'on' && !entry.reason);
    const other = parts.filter(entry => !working.includes(entry));
    const hardware = parts.find(entry => entry.part === 'hardware counters');
    setChildren(this.place, JSON.stringify(parts), () => (parts.length
      ? h('ul.panel.parts', null, ...other.map(entry => h('li', null,
        partBadge(entry.state), h('strong', null, entry.part),
        this.#why(entry, hardware))),
      working.length && h('li', null, partBadge('on'), h('span.all', null, working.map(entry => entry.part).join(' · '))))
      : h('p.panel.empty', null, 'The agent says at its start and once a minute what is on and what is off; nothing has come yet.')));
  }

  /** What stands beside a part that does not work in full. The reason of the hardware counters has its own section. */
  #why(entry, hardware) {
    if (entry.reason && entry.reason === hardware?.reason) {
      if (entry.part === 'hardware counters') return h('span', null, 'See Hardware counters above.');
      if (entry.part === 'thread counters' && entry.state === 'partial') return h('span', null, `Context switches and page faults of each request are counted; ${hardware.state === 'off' ? 'its' : 'some of its'} hardware counters are not, see Hardware counters above.`);
      return h('span', null, 'For the same reason as the hardware counters, see above.');
    }
    return h('span', null, sentence(entry.reason) || h('span.dim', null, 'No reason given.'), entry.remedy && h('span.dim', null, ` ${sentence(entry.remedy)}`));
  }

  close() {}
}
