import { copyButton } from '../copy.js';
import { h, setAttribute, setChildren } from '../dom.js';
import { Fold } from '../fold.js';
import { sentence } from '../format.js';

const PLACES = [
  ['fixOnHost', 'Host'],
  ['fixInDocker', 'Docker'],
  ['fixInKubernetes', 'Kubernetes'],
];
const STORED = 'pitot.fix';
/** A rung's mark as a state that the badge has a shape for. */
const MARKS = { yes: 'on', partial: 'partial', no: 'off' };

const chosen = () => {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
};

/** The doctor's report: which ways of counting this JVM has, what is in the way of the others, and the smallest fix. */
export class Doctor {
  /** @param {import('../jvm.js').JvmPage} page */
  constructor(page) {
    this.page = page;
    this.place = PLACES.find(([key]) => key === chosen())?.[0] ?? PLACES[0][0];
    this.fold = new Fold(page, { id: 'doctor', title: 'What can be counted here', make: () => this.#make() });
    this.element = this.fold.element;
    this.charts = [];
  }

  close() {
    this.fold.close();
  }

  show() {
    const rungs = this.page.diagnosis.filter(line => line.category === 'rung');
    const number = state => rungs.filter(line => line.state === state).length;
    this.fold.show(rungs.length ? [`${number('yes')} of ${rungs.length} ways work`, number('partial') && `${number('partial')} in part`, number('no') && `${number('no')} not`].filter(Boolean).join(', ') : 'not known yet');
  }

  #make() {
    const choice = h('div.segments', { role: 'group', 'aria-label': 'Where the fix is for' }, ...PLACES.map(([key, label]) =>
      h('button', { type: 'button', 'data-place': key, onclick: () => this.#choose(key) }, label)));
    const bar = h('div.fixbar', null, h('span.dim', null, 'Fixes for'), choice);
    const report = h('div');
    return {
      elements: [bar, report],
      show: () => {
        const lines = this.page.diagnosis;
        bar.hidden = !lines.some(line => PLACES.some(([key]) => line[key]));
        for (const button of choice.children) setAttribute(button, 'aria-pressed', String(button.dataset.place === this.place));
        const open = report.querySelector('details')?.open;
        // Each report has a time of its own; without it, what is read and copied is not made anew each minute.
        setChildren(report, JSON.stringify([this.place, lines.map(({ ts, ...line }) => line)]), () => this.#report(lines, open));
      },
    };
  }

  #choose(key) {
    this.place = key;
    try {
      localStorage.setItem(STORED, key);
    } catch {
      // Storage is refused: the choice holds until the page is left.
    }
    this.show();
  }

  #report(lines, open) {
    const rungs = lines.filter(line => line.category === 'rung');
    const facts = lines.filter(line => line.category === 'fact');
    if (!lines.length) return h('p.panel.empty', null, 'The agent reports in its first second and once a minute what can be counted in its JVM; nothing has come yet. An agent of an older version does not report it.');
    /** By obstacle, the first that it is in the way of. */
    const said = new Map();
    return [
      h('ul.panel.parts.rungs', null, ...rungs.map(line => h('li', null,
        h('span.badge', { 'data-state': MARKS[line.state] ?? 'unknown' }, h('i.shape', { 'data-shape': MARKS[line.state] ?? 'off' }), line.state),
        h('strong', null, line.subject),
        h('div', null, line.detail && h('p', null, line.detail), line.blocker && this.#obstacle(line, said))))),
      facts.length > 0 && h('details.facts-of', { open: Boolean(open) }, h('summary', null, `What was found of this machine and process (${facts.length})`),
        h('dl.panel', null, ...facts.map(fact => h('div', null, h('dt', null, fact.subject), h('dd', null, fact.detail))))),
    ];
  }

  /** What is in the way, and the fix; what stands above already is not said twice. */
  #obstacle(line, said) {
    const fix = line[this.place];
    const key = JSON.stringify([line.blocker, fix]);
    if (said.has(key)) return h('p.dim', null, `In the way: the same as for ${said.get(key)}.`);
    said.set(key, line.subject);
    const command = h('code', null, fix);
    // Some obstacles are removed by no command; a sentence is nothing to copy.
    const isCommand = /^(sudo |docker |java |ulimit |mount |securityContext:|volumes:|counters=)/.test(fix) && !/, or | with a /.test(fix);
    return h('div.obstacle', null,
      h('p', null, h('span.dim', null, 'In the way: '), sentence(line.blocker)),
      !fix ? PLACES.some(([key]) => line[key]) && h('p.dim', null, 'No fix of this kind is known.')
        : isCommand ? h('p.fix', null, command, ' ', ...copyButton(command, 'Copy', { 'aria-label': `Copy the fix of ${line.subject}` }))
          : h('p', null, h('span.dim', null, 'What helps: '), sentence(fix)));
  }
}
