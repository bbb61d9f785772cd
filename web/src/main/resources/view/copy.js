import { h } from './dom.js';

/**
 * A button that copies the text of an element, and what became of it.
 *
 * @param {HTMLElement} element
 * @param {string} label
 * @param {Record<string, any>} [attributes] of the button
 * @returns {HTMLElement[]}
 */
export function copyButton(element, label, attributes) {
  const copied = h('span.dim', { role: 'status' });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(element.textContent);
      copied.textContent = 'Copied.';
    } catch {
      // Refused, or not there at all: browsers have it on secure addresses and on this machine only.
      getSelection().selectAllChildren(element);
      copied.textContent = 'Press Ctrl-C to copy.';
    }
  };
  return [h('button', { type: 'button', ...attributes, onclick: copy }, label), copied];
}
