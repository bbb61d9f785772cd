import { forgetColors } from './chart.js';
import { h, setAttribute, setChildren, setText } from './dom.js';
import { FleetPage } from './fleet.js';
import { JvmPage } from './jvm.js';
import { Live } from './live.js';

/**
 * A page: `element`, `watch()` (what to ask the socket for), `message(m)`, `tick()` (each second), `title()`, `redraw()`,
 * `navigate(parameters)` (same page, other parameters), `close()`.
 *
 * @typedef {{now: () => number, connected: () => boolean, api: typeof api, setParameters: typeof setParameters}} Context
 */

const main = document.getElementById('main');
const connection = document.getElementById('connection');
const logout = document.getElementById('logout');
const theme = document.getElementById('theme');

/** @type {Live | null} */
let live = null;
let page = null;
let pageKey = '';
/** Server's clock minus the browser's, ms: ages are told by the server's clock. */
let skew = 0;
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
  if (response.status === 401 && path !== 'login') showLogin();
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

const context = { now: () => Date.now() + skew, connected: () => state.name === 'live', api, setParameters };

function route() {
  if (!live) return;
  const { path, parameters } = parse();
  if (page && pageKey === path) return page.navigate(parameters);
  page?.close();
  pageKey = path;
  const jvm = path.match(/^\/jvm\/([^/]+)$/);
  page = jvm ? new JvmPage(context, decodeURIComponent(jvm[1]), parameters) : new FleetPage(context, parameters);
  main.replaceChildren(page.element);
  scrollTo(0, 0);
  live.watch(() => page.watch());
  tick();
}

function showLogin() {
  if (main.querySelector('.login')) return;
  live?.close();
  live = null;
  page?.close();
  page = null;
  logout.hidden = true;
  state = { name: 'connecting' };
  connection.replaceChildren();
  delete connection.dataset.key;
  document.title = 'Log in · Pitot';
  const usedLink = location.pathname.startsWith('/login/');
  const error = h('p.error', { role: 'alert' }, usedLink ? 'This login link has been used or is older than 10 minutes. Log in with the view token instead.' : null);
  const token = h('input', { id: 'token', type: 'password', autocomplete: 'current-password', spellcheck: 'false', required: true, 'aria-describedby': 'token-help' });
  const button = h('button.primary', { type: 'submit' }, 'Log in');
  const submit = async event => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = '';
    try {
      await api('login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: token.value.trim() }) });
      if (usedLink) location.replace('/' + location.hash);
      else start();
    } catch (failure) {
      error.textContent = failure.status === 401
        ? 'This is not the view token. Copy the first line of the file view.token again; the ingest token does not open this page.'
        : failure.message;
      token.setAttribute('aria-invalid', 'true');
      token.select();
    } finally {
      button.disabled = false;
    }
  };
  main.replaceChildren(h('form.login.panel', { onsubmit: submit },
    h('h1', null, 'Log in to Pitot'),
    h('input', { type: 'text', autocomplete: 'username', value: 'pitot', hidden: true }),
    h('label', { for: 'token' }, 'View token'), token,
    h('p.help', { id: 'token-help' }, 'It stands in the file ', h('code', null, 'view.token'), ' in the collector’s data folder, by default ',
      h('code', null, '~/.local/share/pitot'), '. The link the collector prints at its start logs in without it, once.'),
    error, button));
  token.focus();
}

async function start() {
  try {
    const answer = await (await api('jvms')).json();
    skew = answer.now - Date.now();
  } catch (failure) {
    if (failure.status === 401) return;
    // The collector is away: the socket's back-off says so and goes on trying.
  }
  logout.hidden = false;
  live = new Live(message => {
    if (message.now) skew = message.now - Date.now();
    page?.message(message);
    setTitle();
  }, next => {
    state = next;
    showConnection();
  }, async () => {
    try {
      await api('jvms');
    } catch (failure) {
      return failure.status !== 401;
    }
    return true;
  });
  page = null;
  pageKey = '';
  route();
}

function showConnection() {
  const seconds = state.retryAt ? Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000)) : 0;
  const text = { live: 'Connected', connecting: 'Connecting…', waiting: `Reconnecting in ${seconds}\u202fs`, offline: `Collector not reachable, next try in ${seconds}\u202fs` }[state.name];
  setChildren(connection, state.name, () => [h('i.shape', { 'data-shape': state.name === 'live' ? 'on' : state.name === 'offline' ? 'off' : 'partial' }),
    h('span', { 'aria-hidden': state.retryAt ? 'true' : null }), state.retryAt ? h('span.unseen', null, state.name === 'offline' ? 'Collector not reachable, trying again' : 'Connection lost, reconnecting') : null]);
  setText(connection.children[1], text);
  setAttribute(connection, 'data-state', state.name);
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
  setText(theme, other);
  setAttribute(theme, 'aria-label', `Switch to the ${other.toLowerCase()} theme`);
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
  try {
    await api('logout', { method: 'POST' });
    showLogin();
  } catch (failure) {
    if (failure.status !== 401) alert(`Logging out failed: ${failure.message}`);
  }
});
addEventListener('hashchange', route);
setInterval(tick, 1000);
repaint();
start();
