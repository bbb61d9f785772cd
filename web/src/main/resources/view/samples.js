import { Series } from './series.js';

/** How much is kept of a type that nobody looks at, ms: enough for a line that says how it is now. */
const RECENT = 25_000;
/** Samples of one second are committed one after the other; those of two are further apart, ms. */
const APART = 400;
/** A course begins before the left edge of its chart; this many ms hold the sample that it comes from. */
export const EDGE = 2000;
const NOTHING = new Map();

/** What the page holds of all types of samples, plain and keyed: much of what is looked at, of the rest the newest seconds. */
export class Samples {
  /** @param {number} keep milliseconds of what is held */
  constructor(keep) {
    this.keep = keep;
    /** How many look at a type. @type {Map<string, number>} */
    this.held = new Map();
    /** @type {Map<string, Map<string, Series>>} by type and key; a plain type has the key '' */
    this.byType = new Map();
  }

  /** The samples of a plain type. */
  of(type) {
    return this.#series(type, '');
  }

  /** @returns {Map<string, Series>} the samples of a keyed type */
  keys(type) {
    return this.byType.get(type) ?? NOTHING;
  }

  /** @param {{type: string, key?: string, t: number[], fields: Record<string, any[]>}} message */
  merge({ type, key = '', t, fields }) {
    const series = this.#series(type, key);
    series.merge(t, fields);
    // A thread that ended and a disk that was taken out would stay for ever.
    const keys = this.byType.get(type);
    for (const [other, { last }] of keys) if (last !== null && last < series.last - series.keep) keys.delete(other);
  }

  isHeld(type) {
    return this.held.get(type) > 0;
  }

  hold(types) {
    for (const type of types) this.#count(type, 1);
  }

  release(types) {
    for (const type of types) this.#count(type, -1);
  }

  #count(type, more) {
    this.held.set(type, (this.held.get(type) ?? 0) + more);
    for (const series of this.byType.get(type)?.values() ?? []) series.keep = this.#keep(type);
  }

  #keep(type) {
    return this.isHeld(type) ? this.keep : RECENT;
  }

  #series(type, key) {
    if (!this.byType.has(type)) this.byType.set(type, new Map());
    const keys = this.byType.get(type);
    if (!keys.has(key)) keys.set(key, new Series(this.#keep(type)));
    return keys.get(key);
  }
}

/**
 * One series of several keys: a field for each key, and the samples of one second on one time although each was committed
 * some microseconds after the other.
 *
 * @param {Map<string, Series>} keys
 * @param {(fields: Record<string, any[]>, i: number) => number | null} value
 * @param {number} since ms
 */
export function joined(keys, value, since) {
  const all = [...keys].flatMap(([key, series]) => {
    const first = series.from(since);
    return series.t.slice(first).map((time, i) => [time, key, series, first + i]);
  }).sort((a, b) => a[0] - b[0]);
  const result = new Series(Infinity);
  for (const key of keys.keys()) result.fields[key] = [];
  for (const [time, key, series, i] of all) {
    if (result.last === null || time - result.last > APART) {
      result.t.push(time);
      for (const values of Object.values(result.fields)) values.push(null);
    }
    result.fields[key][result.t.length - 1] = value(series.fields, i);
  }
  return result;
}
