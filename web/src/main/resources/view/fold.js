import { h, setText } from './dom.js';

const STORED = 'pitot.open';

const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? {};
  } catch {
    return {};
  }
};

const remember = (id, open) => {
  try {
    localStorage.setItem(STORED, JSON.stringify({ ...remembered(), [id]: open }));
  } catch {
    // Storage is refused: what is open is so until the page is left.
  }
};

/**
 * A part of the JVM's page that can be closed, with one line that says how things are. While it is closed there is nothing
 * in it, nothing is drawn, and of its types only the newest seconds are held; the browser remembers what is open.
 *
 * @typedef {object} Content
 * @property {HTMLElement[]} elements
 * @property {() => void} show draws anew
 * @property {import('./chart.js').Chart[]} [charts] which it draws
 */
export class Fold {
  /**
   * @param {import('./jvm.js').JvmPage} page
   * @param {object} spec
   * @param {string} spec.id of the heading, and what is remembered
   * @param {string} spec.title
   * @param {number} [spec.level] of the heading
   * @param {boolean} [spec.open] as long as nobody chose
   * @param {string[]} [spec.types] of samples that what is in it looks at
   * @param {() => Content} spec.make called each time it is opened
   */
  constructor(page, { id, title, level = 2, open = false, types = [], make }) {
    Object.assign(this, { page, id, types, make });
    this.line = h('span.dim');
    this.body = h('div.folded');
    this.details = h('details.fold', { open: remembered()[id] ?? open, ontoggle: () => this.#toggled() },
      h('summary', null, h(`h${level}`, { id }, title), this.line), this.body);
    this.element = h('section', { 'aria-labelledby': id, 'data-level': level }, this.details);
    /** @type {Content | null} */
    this.content = null;
    this.isOpen = this.details.open;
    if (this.isOpen) page.samples.hold(types);
  }

  /** @param {string | null} line how things are; null: there is nothing, and it takes no room */
  show(line) {
    this.element.hidden = line === null;
    if (line === null) return;
    setText(this.line, line);
    if (!this.isOpen) return;
    if (!this.content) {
      this.content = this.make();
      this.body.replaceChildren(...this.content.elements);
    }
    this.content.show();
  }

  get charts() {
    return this.content?.charts ?? [];
  }

  close() {
    for (const chart of this.charts) chart.close();
    this.content = null;
  }

  #toggled() {
    if (this.isOpen === this.details.open) return;
    this.isOpen = this.details.open;
    remember(this.id, this.isOpen);
    if (this.isOpen) {
      this.page.samples.hold(this.types);
      this.page.load(this.types);
    } else {
      this.page.samples.release(this.types);
      this.close();
      this.body.replaceChildren();
    }
    this.page.show();
  }
}
