import { h, setChildren, setText } from '../dom.js';
import { known, millis, percent, sentence } from '../format.js';
import { AGENT } from '../panels.js';

const COST = 'pitot.AgentCost';
/** What is given up for the budget, by `shed`; each level gives up what those before it do. */
const SHED = [
  'Nothing is given up for it.',
  'Stack traces are given up for it.',
  'Stack traces and single events are given up for it: summaries go on to count everything.',
  'Stack traces, single events and the counters of SQL statements are given up for it.',
  'Stack traces, single events and the counters of SQL statements and requests are given up for it.',
  'Stack traces, single events, the counters of SQL statements and requests, and what requests leave to other threads are given up for it.',
];

const average = values => {
  const those = values.filter(known);
  return those.length ? those.reduce((sum, value) => sum + value, 0) / those.length : null;
};
const partBadge = state => h('span.badge', { 'data-state': state }, h('i.shape', { 'data-shape': state }), state);

/** What the agent costs, and what is on, in part on and off in it, and why. */
export class Agent {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.place = h('div');
    this.cost = h('p');
    this.course = page.makeCharts(AGENT);
    this.charts = this.course.map(([, chart]) => chart);
    this.drawn = h('div.grid', null, ...this.charts.map(chart => chart.element));
    this.element = h('section', { 'aria-labelledby': 'agent' }, h('div.sectionhead', null, h('h2', { id: 'agent' }, 'Agent')),
      h('div.agentcost', null, h('div.panel.costsaid', null, this.cost), this.drawn), this.place);
  }

  #showCost() {
    const { page } = this;
    const samples = page.samples.of(COST);
    const newest = name => samples.newest(name);
    const { share, mean } = { share: newest('share'), mean: average(samples.fields.share ?? []) };
    this.drawn.hidden = !samples.t.length;
    if (!samples.t.length) {
      setText(this.cost, 'What Pitot costs this JVM is not known: its agent has not said so yet, or is of an older version.');
      return;
    }
    const budget = newest('budget');
    const inline = newest('inlineCpuTime');
    const threads = newest('threadCpuTime');
    const per = newest('interval') / 1e9;
    setText(this.cost, [
      known(share) ? `Pitot takes ${percent(share)} of the CPU time now, ${percent(mean)} on average in what is shown` : 'What share of the CPU time Pitot takes is not known',
      known(budget) ? `; its budget is ${percent(budget)}. ${SHED[newest('shed')] ?? ''}` : '; it has no budget.',
      known(inline) && per > 0 ? ` Each second its own threads and JFR’s take ${known(threads) ? millis(threads / 1e6 / per) : 'an unknown part'} of CPU time, and measuring takes ${millis(inline / 1e6 / per)} on the threads of the application, as it estimates.` : '',
    ].join(''));
    page.draw(this.course);
  }

  show() {
    this.#showCost();
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

  close() {
    for (const chart of this.charts) chart.close();
  }
}
