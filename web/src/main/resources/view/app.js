import { showInstructions } from './add.js';
import { forgetColors } from './chart.js';
import { h, setAttribute, setChildren, setText } from './dom.js';
import { FleetPage } from './fleet.js';
import { JvmPage } from './jvm.js';
import { sentence } from './format.js';
import { Live } from './live.js';
import { NotFoundPage } from './notfound.js';
import { StoragePage } from './storage.js';

/**
 * A page: `element`, `watch()` (what to ask the socket for), `message(m)`, `tick()` (each second), `title()`, `redraw()`,
 * `navigate(parameters)` (same page, other parameters), `close()`, and if it wants `reconnected()`.
 *
 * @typedef {object} Context
 * @property {() => number} now the server's clock, ms; it stands still while there is no connection, as nothing is known of then
 * @property {() => boolean} connected
 * @property {() => boolean} lost there is no connection, and at least one attempt has failed
 * @property {typeof api} api
 * @property {typeof setParameters} setParameters
 */

const main = document.getElementById('main');
const connection = document.getElementById('connection');
const connectionSaid = document.getElementById('connection-said');
const problem = document.getElementById('problem');
const add = document.getElementById('add');
const logout = document.getElementById('logout');
const storage = document.getElementById('storage');
const disk = document.getElementById('disk');
const theme = document.getElementById('theme');

/** @type {Live | null} */
let live = null;
let page = null;
let pageKey = '';
/** Server's clock minus the browser's, ms: ages are told by the server's clock. */
let skew = 0;
/** When the collector was last heard of, by its own clock; null before that. */
let heard = null;
/** Whether there was a session since the page was loaded: a login form then says that it ended. */
let hadSession = false;
let loggingOut = false;
/** @type {import('./live.js').ConnectionState} */
let state = { name: 'connecting' };

/**
 * Asks the collector. Throws an Error whose message is the collector's sentence; shows the login form on 401.
 *
 * @param {string} path below `/api/v1/`
 * @param {RequestInit} [options]
 */
async function api(path, options) {
  let response;
  try {
    response = await fetch('/api/v1/' + path, { credentials: 'same-origin', ...options });
  } catch {
    throw new Error('The collector did not answer. Is it running, and is the network up?');
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  if (response.status === 401 && path !== 'login') showLogin(whyLoggedOut());
  const error = new Error(body.error ?? `The collector answered ${response.status} without saying why.`);
  error.status = response.status;
  throw error;
}

function parse() {
  const [path, query] = location.hash.replace(/^#/, '').split('?');
  return { path: path || '/', parameters: new URLSearchParams(query) };
}

/** Changes parameters of the address without a new entry in the history; null removes one. */
function setParameters(changes) {
  const { path, parameters } = parse();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') parameters.delete(name);
    else parameters.set(name, value);
  }
  const query = parameters.toString();
  history.replaceState(null, '', '#' + path + (query ? '?' + query : ''));
  page?.navigate(parameters);
}

/** @type {Context} */
const context = {
  now: () => (state.name === 'live' || heard === null ? Date.now() + skew : heard),
  connected: () => state.name === 'live',
  lost: () => state.name !== 'live' && Boolean(state.lost),
  api,
  setParameters,
};

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that begins no character: no address of ours.
    return null;
  }
}

function pageAt(path, parameters) {
  if (path === '/') return new FleetPage(context, parameters);
  if (path === '/storage') return new StoragePage(context);
  const jvm = decoded(path.match(/^\/jvm\/([^/]+)$/)?.[1] ?? '');
  return jvm ? new JvmPage(context, jvm, parameters) : new NotFoundPage();
}

function route() {
  if (!live) return;
  const { path, parameters } = parse();
  if (page && pageKey === path) return page.navigate(parameters);
  page?.close();
  pageKey = path;
  problem.hidden = true;
  page = pageAt(path, parameters);
  main.replaceChildren(page.element);
  scrollTo(0, 0);
  live.watch(() => page.watch());
  tick();
}

/** @returns {string | null} what a login form says above its field */
function whyLoggedOut(said = '') {
  if (loggingOut) return 'You have logged out.';
  if (hadSession) return said ? `Your session has ended. The collector says: ${sentence(said)}` : 'Your session has ended (12 h without use, or logged out elsewhere).';
  return location.pathname.startsWith('/login/') ? 'This login link has been used or is older than 10 minutes. Log in with the view token instead.' : null;
}

/** @param {string | null} why */
function showLogin(why) {
  if (main.querySelector('.login')) return;
  live?.close();
  live = null;
  page?.close();
  page = null;
  logout.hidden = add.hidden = storage.hidden = problem.hidden = disk.hidden = true;
  document.querySelector('dialog')?.close();
  hadSession = loggingOut = false;
  heard = null;
  state = { name: 'connecting' };
  connection.replaceChildren();
  delete connection.dataset.key;
  setText(connectionSaid, '');
  document.title = 'Log in · Pitot';
  const error = h('p.error', { role: 'alert' });
  const token = h('input', { id: 'token', type: 'password', autocomplete: 'current-password', spellcheck: 'false', required: true, 'aria-describedby': 'why token-help' });
  const button = h('button.primary', { type: 'submit' }, 'Log in');
  const submit = async event => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = '';
    try {
      await api('login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: token.value.trim() }) });
      start();
    } catch (failure) {
      error.textContent = failure.status === 401
        ? 'This is not the view token. Copy the first line of the file view.token (or admin.token, to change settings) again; the ingest token does not open this page.'
        : failure.message;
      token.setAttribute('aria-invalid', 'true');
      token.select();
    } finally {
      button.disabled = false;
    }
  };
  main.replaceChildren(h('form.login.panel', { onsubmit: submit },
    h('h1', null, 'Log in to Pitot'),
    why && h('p.notice.why', { id: 'why', 'data-tone': 'note' }, why),
    h('input', { type: 'text', autocomplete: 'username', value: 'pitot', hidden: true }),
    h('label', { for: 'token' }, 'View token'), token,
    h('p.help', { id: 'token-help' }, 'It is the first line of ', h('code', null, 'view.token'), ' in the collector’s data folder. The link that the collector prints at its start logs in without it, once.'),
    error, button));
  token.focus();
}

async function start() {
  try {
    const answer = await (await api('jvms')).json();
    hear(answer.now);
  } catch (failure) {
    if (failure.status === 401) return;
    // The collector is away: the socket's back-off says so and goes on trying.
  }
  logout.hidden = add.hidden = storage.hidden = false;
  lookAtDisk();
  live = new Live(message => {
    hear(message.now);
    page?.message(message);
    setTitle();
  }, next => {
    const again = next.name === 'live' && state.lost;
    state = next;
    showConnection();
    if (again) page?.reconnected?.();
  }, async () => {
    try {
      await api('jvms');
    } catch (failure) {
      return failure.status !== 401;
    }
    return true;
  }, reason => showLogin(whyLoggedOut(reason)));
  page = null;
  pageKey = '';
  route();
}

/** The collector has answered as one who may: `now` is its clock, when the answer holds it. */
function hear(now) {
  if (now) skew = now - Date.now();
  heard = Date.now() + skew;
  if (hadSession) return;
  hadSession = true;
  // A used link opened with a session still shows the page; its address means nothing from here on.
  if (location.pathname !== '/') history.replaceState(null, '', '/' + location.hash);
}

function showConnection() {
  const seconds = state.retryAt ? Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000)) : 0;
  const text = { live: 'Connected', connecting: state.lost ? 'Reconnecting…' : 'Connecting…', waiting: `Reconnecting in ${seconds}\u202fs`, offline: `Collector not reachable, next try in ${seconds}\u202fs` }[state.name];
  setChildren(connection, state.name, () => [h('i.shape', { 'data-shape': state.name === 'live' ? 'on' : state.name === 'offline' ? 'off' : 'partial' }), h('span')]);
  setText(connection.children[1], text);
  setAttribute(connection, 'title', text);
  // What is read out has no seconds that run, and does not change with each attempt.
  setText(connectionSaid, state.name === 'live' ? 'Connected' : state.lost ? 'No connection to the collector, trying again' : '');
  setAttribute(connection, 'data-state', state.name);
}

/** Says on every page what is not stored as the disk is nearly full. */
async function lookAtDisk() {
  const answer = await fetch('/health/ready', { credentials: 'same-origin' }).then(response => response.json()).catch(() => ({}));
  disk.hidden = !live || !answer.disk;
  setText(disk, answer.disk ?? '');
}

function setTitle() {
  if (page) document.title = page.title() + ' · Pitot';
}

function tick() {
  if (!live) return;
  showConnection();
  page?.tick();
  setTitle();
}

const dark = matchMedia('(prefers-color-scheme: dark)');
const shownTheme = () => document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light');
function repaint() {
  const other = shownTheme() === 'dark' ? 'Light' : 'Dark';
  theme.replaceChildren(other, h('span.wide', null, ' theme'));
  setAttribute(theme, 'aria-label', `${other} theme`);
  forgetColors();
  page?.redraw();
}
theme.addEventListener('click', () => {
  const next = shownTheme() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem('pitot.theme', next);
  } catch {
    // Storage is refused: the choice holds until the page is left.
  }
  repaint();
});
dark.addEventListener('change', repaint);
logout.addEventListener('click', async () => {
  problem.hidden = loggingOut = true;
  try {
    await api('logout', { method: 'POST' });
    showLogin(whyLoggedOut());
  } catch (failure) {
    if (failure.status === 401) return;
    problem.hidden = loggingOut = false;
    setText(problem, `Logging out failed, you are still logged in. ${failure.message}`);
  }
});
add.addEventListener('click', () => showInstructions(api));
// The address' hash is the page's path, so the link's own target cannot stand there.
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', route);
setInterval(tick, 1000);
setInterval(() => live && state.name === 'live' && lookAtDisk(), 15_000);
repaint();
start();
