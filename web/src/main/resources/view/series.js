/**
 * The samples of one type that the page holds, ascending by time, one array per field. Messages may overlap (after a
 * reconnect, or blocks and the memory tail): a sample is known by its time, and the later message wins.
 */
export class Series {
  /** @param {number} keep milliseconds of history to hold */
  constructor(keep) {
    this.keep = keep;
    /** @type {number[]} milliseconds since the epoch */
    this.t = [];
    /** @type {Record<string, any[]>} null where not measured */
    this.fields = {};
  }

  get last() {
    return this.t.length ? this.t[this.t.length - 1] : null;
  }

  /**
   * @param {number[]} t
   * @param {Record<string, any[]>} fields
   */
  merge(t, fields) {
    if (!t.length) return;
    const ascending = t.every((time, i) => i === 0 || time > t[i - 1]);
    const names = new Set([...Object.keys(this.fields), ...Object.keys(fields)]);
    if (ascending && (this.last === null || t[0] > this.last)) {
      for (const name of names) {
        const known = (this.fields[name] ??= new Array(this.t.length).fill(null));
        for (let i = 0; i < t.length; i++) known.push(fields[name]?.[i] ?? null);
      }
      this.t.push(...t);
    } else {
      const order = new Map(this.t.map((time, i) => [time, [this.fields, i]]));
      t.forEach((time, i) => order.set(time, [fields, i]));
      const times = [...order.keys()].sort((a, b) => a - b);
      const merged = {};
      for (const name of names) {
        merged[name] = times.map(time => {
          const [from, i] = order.get(time);
          return from[name]?.[i] ?? null;
        });
      }
      this.t = times;
      this.fields = merged;
    }
    let old = 0;
    while (old < this.t.length && this.t[old] < this.last - this.keep) old++;
    if (old) {
      this.t.splice(0, old);
      for (const values of Object.values(this.fields)) values.splice(0, old);
    }
  }

  /** Index of the first sample at or after a time. */
  from(time) {
    let low = 0;
    let high = this.t.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether any sample since a time has a value in this field. */
  has(name, since = 0) {
    const values = this.fields[name];
    if (!values) return false;
    for (let i = this.from(since); i < values.length; i++) if (values[i] !== null) return true;
    return false;
  }

  /** The newest value of a field that is not null. */
  newest(name) {
    const values = this.fields[name] ?? [];
    for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i];
    return null;
  }

  /** The least value of a field after a time; null when there is none. */
  least(name, since) {
    const values = (this.fields[name] ?? []).slice(this.from(since + 1)).filter(value => value !== null);
    return values.length ? Math.min(...values) : null;
  }
}
