import { copyButton } from './copy.js';
import { h } from './dom.js';

/**
 * How to add a service: the flag, with a button that copies it.
 *
 * @param {import('./app.js').Context['api']} api
 * @returns {HTMLElement[]}
 */
export function instructions(api) {
  const flag = h('code');
  const [copy, copied] = copyButton(flag, 'Copy the flag', { class: 'primary', autofocus: true });
  const say = text => {
    flag.textContent = text;
  };
  say(`-javaagent:pitot-agent.jar=collector=${location.origin},token-file=ingest.token,service=my-service`);
  // The collector knows its own paths; the line above stands until it has answered.
  api('self').then(answer => answer.json()).then(self => self.flag && say(self.flag)).catch(() => {});
  return [
    h('p', null, 'Start the service with this flag, before ', h('code', null, '-jar'), ' or the main class. Its row appears here within seconds.'),
    h('pre', null, flag),
    h('p', null, copy, ' ', copied),
    h('p.help', null, 'The paths are those of the collector’s machine. For a service elsewhere, take ', h('a', { href: '/api/v1/agent/pitot-agent.jar', download: 'pitot-agent.jar' }, 'the agent'), ' and a copy of ', h('code', null, 'ingest.token'),
      ' there, and name them instead. The variable ', h('code', null, 'JAVA_TOOL_OPTIONS'), ' takes the same flag.'),
  ];
}

/** The same as a dialog over the page. */
export function showInstructions(api) {
  const dialog = h('dialog.add', { 'aria-labelledby': 'add-title', onclose: () => dialog.remove() },
    h('form.dialoghead', { method: 'dialog' }, h('h2', { id: 'add-title' }, 'Add a service'), h('button', { type: 'submit' }, 'Close')),
    ...instructions(api));
  document.body.append(dialog);
  dialog.showModal();
}
