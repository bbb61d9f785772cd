import { h, setChildren, setText } from './dom.js';
import { NONE, bytes, count, dateTime, duration, known } from './format.js';

/** Name in the API, label, and what it is. */
const TIERS = [
  ['events', 'Events', 'single requests, statements and calls'],
  ['segments', 'Recordings', 'flight recordings, as the JVMs wrote them'],
  ['blocks', 'Seconds', 'metrics by the second'],
  ['minutes', 'Minutes', 'what metrics, endpoints and statements came to by the minute'],
  ['quarters', 'Quarters', 'the same by 15 minutes'],
  ['hours', 'Hours', 'the same by the hour'],
];
const LABEL = Object.fromEntries(TIERS);
const AGE = /^\d{1,9}(s|m|h|d)$/;
/** How often the page asks again, s. */
const EVERY = 15;

const json = (method, body) => ({ method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** The value of a field for a time, in the browser's zone. */
const local = time => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** How much is stored, for how long, what is kept beyond that, and who has changed it. */
export class StoragePage {
  /** @param {import('./app.js').Context} context */
  constructor(context) {
    this.context = context;
    this.ticks = 0;
    this.closed = false;
    this.mayChange = false;
    this.summary = h('p.dim');
    this.notices = h('div.notices', { 'aria-live': 'polite' });
    this.said = h('p.said', { role: 'status' });
    this.tiers = new Map(TIERS.map(([tier, label, what]) => [tier, this.#tier(tier, label, what)]));
    this.save = h('button.primary', { type: 'submit', disabled: true }, 'Save');
    this.who = h('p.help');
    this.gaps = h('div');
    this.services = h('tbody');
    this.ownRetention = this.#ownRetention();
    this.pins = h('div');
    this.newPin = this.#newPin();
    this.audit = h('ol.audit.panel');
    this.element = h('div.page.storage', null,
      h('div.pagehead', null, h('h1', null, 'Storage'), this.summary), this.notices, this.said,
      h('form', { onsubmit: event => this.#saveAll(event), oninput: () => this.#mark() },
        h('div.panel.scroll', null, h('table', { 'aria-label': 'Tiers' },
          head('Tier', '', 'Kept for', 'Set by', '#Size', '#Rows', 'Oldest'), h('tbody', null, ...[...this.tiers.values()].map(tier => tier.row)))),
        h('div.formfoot', null, this.save, this.who)),
      this.gaps,
      h('h2', null, 'Services'),
      h('div.panel.scroll', null, h('table', { 'aria-label': 'Services' }, head('Service', '#JVMs', '#Recordings', 'Oldest', 'Kept shorter'), this.services)),
      this.ownRetention,
      h('h2', null, 'Pins'),
      h('p.help', null, 'A pin keeps what a JVM has within a window: events, metrics and recordings, whatever the ages above say.'),
      this.pins, this.newPin,
      h('h2', null, 'Changes'), this.audit);
    this.#load();
  }

  #tier(tier, label, what) {
    const age = h('input', { type: 'text', size: 7, 'aria-label': `${label} kept for`, spellcheck: 'false', autocomplete: 'off', disabled: true });
    const cells = Object.fromEntries(['by', 'size', 'rows', 'oldest'].map(name => [name, h('td', { class: name === 'size' || name === 'rows' ? 'number' : null })]));
    const bar = h('i');
    const size = h('span');
    cells.size.append(size, h('span.bar.wide', { role: 'presentation' }, bar));
    const row = h('tr', { 'data-tier': tier }, h('th', { scope: 'row', title: what }, label), h('td.dim', null, what), h('td', null, age), cells.by, cells.size, cells.rows, cells.oldest);
    return { age, cells, bar, size, row, stored: '' };
  }

  #ownRetention() {
    this.service = h('select', { 'aria-label': 'Service' });
    const tier = h('select', { 'aria-label': 'Tier' }, ...TIERS.map(([name, label]) => h('option', { value: name }, label)));
    const age = h('input', { type: 'text', size: 7, placeholder: '1h', 'aria-label': 'Age', spellcheck: 'false', autocomplete: 'off' });
    const set = value => this.#change(() => this.context.api('settings/retention', json('PUT', { service: this.service.value, ages: { [tier.value]: value } })), value ? `${LABEL[tier.value]} of ${this.service.value} are kept for ${value}.` : `${LABEL[tier.value]} of ${this.service.value} are kept like those of all.`);
    return h('form.inline', { hidden: true, onsubmit: event => {
      event.preventDefault();
      if (age.value.trim()) set(age.value.trim());
    } }, h('span', null, 'Keep shorter:'), this.service, tier, age, h('button', { type: 'submit' }, 'Set'), h('button', { type: 'button', onclick: () => set(null) }, 'Reset'),
    h('span.help', null, 'Rows are deleted one by one, which is dearer than dropping whole days.'));
  }

  #newPin() {
    this.jvm = h('select', { 'aria-label': 'JVM', required: true });
    const now = Date.now();
    const from = h('input', { type: 'datetime-local', 'aria-label': 'From', required: true, value: local(now - 3_600_000) });
    const to = h('input', { type: 'datetime-local', 'aria-label': 'To', required: true, value: local(now) });
    const note = h('input', { type: 'text', 'aria-label': 'Why', placeholder: 'why', maxlength: 500 });
    return h('form.inline', { hidden: true, onsubmit: event => {
      event.preventDefault();
      const body = { jvm: this.jvm.value, from: new Date(from.value).getTime(), to: new Date(to.value).getTime(), note: note.value };
      this.#change(() => this.context.api('pins', json('POST', body)), 'Pinned.');
    } }, this.jvm, from, h('span', null, 'to'), to, note, h('button', { type: 'submit' }, 'Pin'));
  }

  async #load() {
    try {
      const [storage, retention, pins, audit, jvms] = await Promise.all(['storage', 'settings/retention', 'pins', 'audit?limit=50', 'jvms'].map(async path => (await this.context.api(path)).json()));
      if (!this.closed) this.#show(storage, retention, pins.pins, audit.audit, jvms.jvms);
    } catch (failure) {
      if (failure.status !== 401) this.#say(failure.message, 'bad');
    }
  }

  #show(storage, retention, pins, audit, jvms) {
    this.mayChange = retention.mayChange;
    setText(this.summary, `${bytes(storage.bytes)} in all${known(storage.disk.free) ? ` · ${bytes(storage.disk.free)} free, ${bytes(storage.disk.reserve)} of it kept free` : ''}`);
    setChildren(this.notices, storage.disk.sentence ?? '', () => storage.disk.sentence && h('p.notice', { 'data-tone': storage.disk.room === 'full' ? 'bad' : 'warn' }, storage.disk.sentence));
    const largest = Math.max(1, ...storage.tiers.map(tier => tier.bytes));
    for (const { tier, bytes: size, rows, oldest } of storage.tiers) {
      const line = this.tiers.get(tier);
      setText(line.size, bytes(size));
      line.bar.style.width = `${((size / largest) * 100).toFixed(1)}%`;
      setText(line.cells.rows, count(rows));
      setText(line.cells.oldest, known(oldest) ? `${duration(storage.now - oldest)} ago` : NONE);
      line.cells.oldest.title = dateTime(oldest);
    }
    for (const { tier, age, standard, changedBy, changedAt } of retention.tiers) {
      const line = this.tiers.get(tier);
      // What is being typed is not taken away.
      if (line.age.value === line.stored) line.age.value = age;
      line.stored = age;
      line.age.disabled = !this.mayChange;
      line.age.title = `Default: ${standard}`;
      setText(line.cells.by, changedBy ? changedBy : 'default');
      line.cells.by.title = changedAt ? dateTime(changedAt) : '';
    }
    this.#mark();
    this.save.hidden = !this.mayChange;
    setText(this.who, this.mayChange ? 'A number and m, h or d. Nothing is dropped within half a minute of a change; leave a field empty for the default.'
      : 'To change this, log in with the admin token (admin.token in the collector’s data folder), or by the link that the collector prints at its start.');
    setChildren(this.gaps, JSON.stringify(storage.gaps), () => storage.gaps.length > 0 && [h('h2', null, 'Left out'),
      h('ul.audit.panel', null, ...storage.gaps.map(gap => h('li', null, h('span', null, `${dateTime(gap.from)} – ${gap.to < 0 ? 'now' : dateTime(gap.to)}`),
        h('span', null, `${count(gap.events)} events and ${count(gap.blocks)} minutes of metrics by the second were not stored${gap.posts ? `, and ${count(gap.posts)} posts were told to wait` : ''}: the disk was nearly full. They are in the recordings.`))))]);
    setChildren(this.services, JSON.stringify([storage.services, retention.services]), () => storage.services.map(row => h('tr', null, h('th', { scope: 'row' }, row.service), h('td.number', null, count(row.jvms)), h('td.number', null, bytes(row.recordingBytes)),
      h('td', null, known(row.oldest) ? `${duration(storage.now - row.oldest)} ago` : NONE),
      h('td', null, Object.entries(retention.services[row.service] ?? {}).map(([tier, age]) => `${LABEL[tier] ?? tier} ${age}`).join(', ') || NONE))));
    this.ownRetention.hidden = !this.mayChange || !storage.services.length;
    setChildren(this.service, storage.services.map(row => row.service).join('\n'), () => storage.services.map(row => h('option', null, row.service)));
    setChildren(this.pins, JSON.stringify([this.mayChange, pins]), () => pins.length > 0 && h('ul.audit.panel', null, ...pins.map(pin => h('li', null,
      h('span', null, `${dateTime(pin.from)} – ${dateTime(pin.to)}`), h('span', null, h('a', { href: `#/jvm/${pin.jvm}` }, pin.service ?? pin.jvm), pin.note && ` · ${pin.note}`, h('span.dim', null, ` · ${pin.by}`)),
      this.mayChange && h('button', { type: 'button', 'aria-label': `Remove the pin ${pin.note}`, onclick: () => this.#change(() => this.context.api(`pins/${pin.id}`, { method: 'DELETE' }), 'The pin is removed; what only it has kept goes within a minute.') }, 'Remove')))));
    this.newPin.hidden = !this.mayChange || !jvms.length;
    setChildren(this.jvm, jvms.map(jvm => jvm.id).join('\n'), () => jvms.map(jvm => h('option', { value: jvm.id }, `${jvm.service} · ${jvm.host} · ${jvm.pid}`)));
    setChildren(this.audit, JSON.stringify(audit), () => (audit.length ? audit.map(change) : h('li.dim', null, 'Nothing has been changed yet.')));
  }

  #mark() {
    this.save.disabled = !this.mayChange || [...this.tiers.values()].every(line => line.age.value.trim() === line.stored);
  }

  #saveAll(event) {
    event.preventDefault();
    const changed = [...this.tiers].filter(([, line]) => line.age.value.trim() !== line.stored);
    if (!changed.length) return;
    for (const [, line] of changed) line.age.removeAttribute('aria-invalid');
    const wrong = changed.find(([, line]) => line.age.value.trim() && !AGE.test(line.age.value.trim()));
    if (wrong) {
      wrong[1].age.setAttribute('aria-invalid', 'true');
      wrong[1].age.select();
      return this.#say(`${LABEL[wrong[0]]}: “${wrong[1].age.value}” is no age; write a number and m, h or d, as in 48h.`, 'bad');
    }
    const ages = Object.fromEntries(changed.map(([tier, line]) => [tier, line.age.value.trim() || null]));
    this.#change(async () => {
      await this.context.api('settings/retention', json('PUT', { ages }));
      for (const [, line] of changed) line.age.value = line.stored;
    }, 'Saved. It takes effect within a minute.');
  }

  async #change(ask, done) {
    this.#say('');
    try {
      await ask();
      this.#say(done);
    } catch (failure) {
      this.#say(failure.message, 'bad');
    }
    await this.#load();
  }

  #say(text, tone) {
    setText(this.said, text);
    if (tone) this.said.dataset.tone = tone;
    else delete this.said.dataset.tone;
  }

  /** The socket has no way to watch nothing; the list of JVMs is the smallest. */
  watch() {
    return { watch: 'fleet' };
  }

  title() {
    return 'Storage';
  }

  message() {}

  navigate() {}

  tick() {
    if (++this.ticks % EVERY === 0 && this.context.connected()) this.#load();
  }

  reconnected() {
    this.#load();
  }

  redraw() {}

  close() {
    this.closed = true;
  }
}

/** Headings; those with `#` before them are of numbers. */
function head(...labels) {
  return h('thead', null, h('tr', null, ...labels.map(label => h('th', { scope: 'col', class: label.startsWith('#') ? 'number' : null }, label.replace('#', '')))));
}

/** One entry of the audit. */
function change({ at, who, what, before, after }) {
  const value = v => (v === null ? 'default' : typeof v === 'object' ? Object.values(v).join(' ') : String(v));
  const [, tier, service] = what.match(/^retention\.([a-z]+)(?:\/(.*))?$/) ?? [];
  let said = `${what}: ${value(before)} → ${value(after)}`;
  if (tier) said = `${LABEL[tier] ?? tier}${service ? ` of ${service}` : ''}: ${value(before)} → ${value(after)}`;
  else if (what === 'pin') said = `${after ? 'Pinned' : 'Unpinned'} ${dateTime((after ?? before).from)} – ${dateTime((after ?? before).to)}${(after ?? before).note ? `: ${(after ?? before).note}` : ''}`;
  else if (what === 'disk full') said = `The disk was nearly full until ${dateTime(after.to)}`;
  return h('li', null, h('span', null, dateTime(at)), h('span', null, said), h('span.dim', null, who));
}
