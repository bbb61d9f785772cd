import { h, setText } from './dom.js';
import { bytes } from './format.js';

/** The control that downloads the last minutes as a flight recording. */
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
      const response = await context.api(`jvms/${encodeURIComponent(id)}/recording?from=${to - minutes.value * 60_000}&to=${to}`);
      const parts = [];
      let size = 0;
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        parts.push(part.value);
        size += part.value.length;
        setText(said, `${bytes(size)}…`);
      }
      const name = response.headers.get('Content-Disposition')?.match(/filename="?([^";]+)"?/)?.[1] ?? `pitot-${id}.jfr`;
      const url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }));
      h('a', { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      setText(said, `${bytes(size)} downloaded. Whole chunks: it may begin before the window.`);
    } catch (failure) {
      said.dataset.tone = 'bad';
      setText(said, failure.message);
    } finally {
      button.disabled = minutes.disabled = false;
    }
  };
  return h('form.download', { onsubmit: run }, minutes, button, said);
}
