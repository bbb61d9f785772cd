import { h } from './dom.js';

/** What an address shows that leads nowhere. */
export class NotFoundPage {
  constructor() {
    this.element = h('div.page', null, h('section.panel.empty', null,
      h('h1', null, 'There is no page at this address'),
      h('p', null, 'Pitot shows all JVMs, and a page of each. The address may have been cut when it was copied.'),
      h('p', null, h('a', { href: '#/' }, 'Back to all JVMs'))));
  }

  /** The socket has no way to watch nothing; the list of JVMs is the smallest. */
  watch() {
    return { watch: 'fleet' };
  }

  title() {
    return 'No such page';
  }

  message() {}

  navigate() {}

  tick() {}

  redraw() {}

  close() {}
}
