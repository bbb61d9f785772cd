import { h, setText } from './dom.js';
import { bytes } from './format.js';

/**
 * The control that downloads the last minutes as a flight recording. The browser itself saves the file, so that an hour's
 * recording goes to disk and not through this page's memory. As a link cannot say why it failed, the page asks for the same
 * address first, reads the status, and drops the answer before its body.
 */
export function download(context, id, end) {
  const minutes = h('select', { 'aria-label': 'Minutes to download' }, ...[1, 5, 15, 60].map(n => h('option', { value: n, selected: n === 5 }, `last ${n} min`)));
  const button = h('button.primary', { type: 'submit', title: 'Whole chunks that overlap the window are exported, so the file may begin earlier.' }, 'Download .jfr');
  const said = h('span.said', { role: 'status' });
  const run = async event => {
    event.preventDefault();
    button.disabled = minutes.disabled = true;
    delete said.dataset.tone;
    setText(said, 'Preparing…');
    try {
      const to = end() + 1;
      const path = `jvms/${encodeURIComponent(id)}/recording?from=${to - minutes.value * 60_000}&to=${to}`;
      const question = new AbortController();
      const answer = await context.api(path, { signal: question.signal });
      const size = Number(answer.headers.get('Content-Length'));
      question.abort();
      h('a', { href: '/api/v1/' + path, download: true }).click();
      setText(said, `Your browser saves ${size > 0 ? bytes(size) : 'it'}. Whole chunks: it may begin before the window.`);
    } catch (failure) {
      said.dataset.tone = 'bad';
      setText(said, failure.message);
    } finally {
      button.disabled = minutes.disabled = false;
    }
  };
  return h('form.download', { onsubmit: run }, minutes, button, said);
}
