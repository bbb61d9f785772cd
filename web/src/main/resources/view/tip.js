import { h } from './dom.js';

/** The one tip of the page: shown beside what is pointed at or has the focus, gone with Escape. @type {HTMLElement | null} */
let tip = null;
/** @type {HTMLElement | null} */
let owner = null;

function hide() {
  if (tip) tip.hidden = true;
  owner = null;
}

function show(target, content) {
  if (!tip) {
    tip = h('div.tip', { 'aria-hidden': 'true' });
    document.body.append(tip);
    addEventListener('keydown', event => event.key === 'Escape' && hide());
    addEventListener('scroll', place, { capture: true, passive: true });
    addEventListener('hashchange', hide);
  }
  owner = target;
  tip.replaceChildren(...content());
  tip.hidden = false;
  place();
}

function place() {
  if (!owner) return;
  const at = owner.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  // Below, unless there is no room.
  tip.style.top = `${at.bottom + 6 + height < innerHeight ? at.bottom + 6 : Math.max(8, at.top - 6 - height)}px`;
}

/**
 * @param {HTMLElement} target
 * @param {() => Node[]} content asked for each time it is shown; what it says is in the target's accessible name too
 */
export function showsTip(target, content) {
  for (const name of ['pointerenter', 'focus']) target.addEventListener(name, () => show(target, content));
  for (const name of ['pointerleave', 'blur']) target.addEventListener(name, () => owner === target && hide());
}
