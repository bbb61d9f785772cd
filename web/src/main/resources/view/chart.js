import { h, setAttribute, setText } from './dom.js';
import { NONE, clock, known, percent, short } from './format.js';

/* global uPlot */

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {string} color name of a custom property of the stylesheet
 * @property {(fields: Record<string, any[]>, i: number) => number | null} value null where not measured: a gap in the line
 * @property {boolean} [fill] an area down to zero
 * @property {boolean} [stems] an upright at each value: separate happenings, not a course
 * @property {number[]} [dash]
 * @property {boolean} [optional] not in the legend while the window has no value of it
 * @property {(fields: Record<string, any[]>, i: number) => number | null} [running] part of the time that a multiplexed counter ran; below 1 the legend says so
 * @property {boolean} [beyond] may lie above the top of the scale; the legend still has its value, and says so
 *
 * @typedef {object} ChartSpec
 * @property {string} title
 * @property {string} unit
 * @property {string} help where the numbers come from
 * @property {Line[]} lines
 * @property {(value: number | null) => string} format
 * @property {number} floor smallest top of the y axis: below it a course is noise
 * @property {number} [ceiling] largest top of the y axis
 * @property {boolean} [stacked] each line stands on the one before it; the legend has their own values
 * @property {string} empty said in place of a chart when the window has no value
 * @property {(columns: any[][], span: number) => string} [summary] of the window, beside the unit; `span` in ms
 * @property {() => number[]} [marks] times of happenings, drawn as ticks at the foot
 * @property {string} [marksLabel]
 */

const HEIGHT = 140;
/** A pause of this many milliseconds between two samples is a hole, not a slope. */
const HOLE = 5000;

let palette = new Map();
const paint = name => {
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return palette.get(name);
};

/** The stylesheet's colours have changed (theme): read them again at the next drawing. */
export const forgetColors = () => (palette = new Map());

/** A top of the axis whose half is a round number too. */
const roundUp = value => {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].find(step => step * power >= value * 0.9999);
};

const binary = value => {
  const power = 1024 ** Math.floor(Math.log2(value) / 10);
  return power * (value / power > 1000 ? 1024 : roundUp(value / power));
};

/** What a stack of columns is drawn as: the sum of each and those below it; null only where none of them is known. */
const heights = columns => {
  let below = columns[0].map(() => 0);
  let any = columns[0].map(() => false);
  return columns.map(column => {
    any = column.map((value, i) => value !== null || any[i]);
    below = column.map((value, i) => below[i] + (value ?? 0));
    return below.map((height, i) => (any[i] ? height : null));
  });
};

/** One panel: title, legend with the values under the shared cursor or the newest ones, and the canvas. */
export class Chart {
  /**
   * @param {ChartSpec} spec
   * @param {string} group charts of one group share the cursor
   * @param {(time: number | null) => void} onCursor
   */
  constructor(spec, group, onCursor) {
    this.spec = spec;
    this.values = spec.lines.map(() => h('b', null, NONE));
    this.above = spec.lines.map(line => line.beyond && h('span', { hidden: true, title: 'Above the top of this scale' }, '\u202f↑'));
    this.counted = spec.lines.map(line => line.running && h('span', { hidden: true, title: 'The counter took turns with others: counted for this part of the time, and scaled up' }));
    this.items = spec.lines.map((line, i) => h('li', null,
      h(line.dash ? 'i.dashed' : 'i', { 'data-color': line.color }), line.label, ' ', this.values[i], this.above[i], this.counted[i]));
    this.holder = h('div.plot', { role: 'img' });
    this.unit = h('span', null, spec.unit);
    this.note = h('p.nothing', { hidden: true }, spec.empty);
    this.element = h('section.panel', { 'data-chart': spec.title },
      h('h3', { title: spec.help }, spec.title, this.unit, spec.marksLabel && h('span.marks', null, h('i.tick'), spec.marksLabel)),
      h('ul.legend', null, ...this.items),
      h('div.frame', null, this.holder, this.note));
    this.onCursor = onCursor;
    this.group = group;
    this.columns = spec.lines.map(() => []);
    this.running = spec.lines.map(() => []);
    this.resize = new ResizeObserver(() => this.plot?.setSize({ width: this.holder.clientWidth, height: HEIGHT }));
    this.resize.observe(this.holder);
  }

  #make() {
    const { spec } = this;
    const axis = { stroke: () => paint('--muted'), font: '11px ' + getComputedStyle(document.body).fontFamily, ticks: { show: false } };
    const grid = { stroke: () => paint('--grid'), width: 1 };
    const round = spec.unit.startsWith('bytes') ? binary : roundUp;
    const top = (plot, low, high) => {
      const values = spec.lines.map((line, i) => (line.beyond ? null : plot.series[i + 1].max)).filter(known);
      let max = values.length ? Math.max(...values) : 0;
      spec.lines.forEach((line, i) => {
        // A limit is worth its line when it is in sight of the rest; else it would press the rest flat.
        const limit = line.beyond ? plot.series[i + 1].max : null;
        if (known(limit) && limit > max && limit <= max * 2.2) max = limit;
      });
      return [0, Math.min(round(Math.max(max * 1.08, spec.floor)), spec.ceiling ?? Infinity)];
    };
    const stems = (plot, series) => {
      const path = new Path2D();
      const zero = plot.valToPos(0, 'y', true);
      plot.data[0].forEach((time, i) => {
        const value = plot.data[series][i];
        if (!known(value)) return;
        const x = Math.round(plot.valToPos(time, 'x', true)) + 0.5;
        path.moveTo(x, zero);
        path.lineTo(x, plot.valToPos(value, 'y', true));
      });
      return { stroke: path, fill: null, clip: null, band: null, gaps: null, flags: 0 };
    };
    this.plot = new uPlot({
      width: this.holder.clientWidth || 300,
      height: HEIGHT,
      ms: 1,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: this.group, scales: ['x', null] } },
      scales: { x: { time: true, auto: false }, y: { range: top } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, gap: 8, space: 60,
          incrs: [15e3, 30e3, 60e3, 120e3, 180e3, 300e3],
          // A label that the right edge would cut, or that would stand under the other axis' zero, is left out.
          values: (plot, times, axisIndex, space, step) => times.map(time => {
            const x = plot.valToPos(time, 'x');
            const seconds = step < 60e3;
            if (x < (seconds ? 28 : 20) || x > plot.over.clientWidth - (seconds ? 22 : 10)) return null;
            return seconds ? clock(time) : clock(time).slice(0, 5);
          }) },
        { ...axis, grid, size: 54, gap: 6, space: 30,
          splits: (plot, axisIndex, low, high) => [0, high / 4, high / 2, high * 0.75, high].slice(0, 5),
          values: (plot, splits) => splits.map((value, i) => (i % 2 ? null : short(spec.format, value))) },
      ],
      series: [{}, ...spec.lines.map(line => ({
        stroke: () => paint(line.color),
        // In a stack the areas speak: a line around a thin one would hide those below.
        width: spec.stacked ? 0 : line.stems ? 2 : line.beyond ? 1 : 1.5,
        dash: line.dash,
        fill: spec.stacked ? () => paint(line.color) + 'b0' : line.fill ? () => paint(line.color + '-fill') : undefined,
        paths: line.stems ? stems : undefined,
        points: { show: line.stems ? (plot, series, from, to) => to - from < 400 : (plot, series) => this.#lonely(series), size: line.stems ? 5 : 4, fill: () => paint(line.color) },
      }))],
      bands: spec.stacked ? spec.lines.slice(1).map((line, i) => ({ series: [i + 2, i + 1] })) : [],
      hooks: {
        setCursor: [plot => this.#cursor(plot.cursor.idx)],
        drawAxes: spec.marks ? [plot => this.#drawMarks(plot)] : [],
      },
    }, this.data ?? [[]], this.holder);
  }

  /** Whether a course is so short that it would show as nothing without its points. */
  #lonely(series) {
    return this.columns[series - 1].filter(known).length < 3;
  }

  #drawMarks(plot) {
    const { ctx } = plot;
    const { top, width, height } = plot.bbox;
    const shown = this.spec.marks().filter(time => time >= plot.scales.x.min && time <= plot.scales.x.max);
    const size = Math.min(5 * devicePixelRatio, Math.max(1.5, width / shown.length / 3));
    ctx.save();
    ctx.fillStyle = paint('--mark');
    for (const time of shown) {
      const x = plot.valToPos(time, 'x', true);
      ctx.globalAlpha = shown.length > 40 ? 0.12 : 0.28;
      ctx.fillRect(Math.round(x), top, devicePixelRatio, height);
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.moveTo(x - size, top);
      ctx.lineTo(x + size, top);
      ctx.lineTo(x, top + size * 1.4);
      ctx.fill();
    }
    ctx.restore();
  }

  /**
   * @param {import('./series.js').Series} series
   * @param {number} from ms, left edge
   * @param {number} to ms, right edge
   */
  update(series, from, to) {
    const { lines } = this.spec;
    const times = [];
    const columns = lines.map(() => []);
    const running = lines.map(() => []);
    for (let i = Math.max(0, series.from(from) - 1); i < series.t.length && series.t[i] <= to; i++) {
      const time = series.t[i];
      if (times.length && time - times[times.length - 1] > HOLE) {
        times.push(times[times.length - 1] + 1);
        for (const column of [...columns, ...running]) column.push(null);
      }
      times.push(time);
      lines.forEach((line, n) => {
        const value = line.value(series.fields, i);
        columns[n].push(known(value) ? value : null);
        running[n].push(line.running?.(series.fields, i) ?? null);
      });
    }
    this.columns = columns;
    this.running = running;
    this.times = times;
    this.data = [times, ...(this.spec.stacked ? heights(columns) : columns)];
    const empty = !columns.some(column => column.some(known));
    lines.forEach((line, n) => (this.items[n].hidden = Boolean(line.optional) && !columns[n].some(known)));
    this.note.hidden = !empty;
    if (this.spec.summary) setText(this.unit, this.spec.unit + (empty ? '' : ` · ${this.spec.summary(columns.map(column => column.filter((value, i) => times[i] >= from)), to - from)}`));
    if (!this.plot) {
      if (!this.holder.clientWidth) return;
      this.#make();
    }
    this.plot.batch(() => {
      this.plot.setData(this.data, false);
      this.plot.setScale('x', { min: from, max: to });
    });
    this.#cursor(this.plot.cursor.idx);
  }

  #cursor(index) {
    const hovering = known(index) && this.plot.cursor.left >= 0;
    const { spec, columns } = this;
    columns.forEach((column, i) => {
      let at = hovering ? index : column.length - 1;
      // The newest value, but none that is older than the hole that ends the course.
      if (!hovering) while (at > 0 && column[at] === null && spec.lines[i].stems) at--;
      setText(this.values[i], spec.format(column[at]));
      const part = this.running[i][at];
      if (this.counted[i]) {
        this.counted[i].hidden = !(known(part) && part < 0.995 && known(column[at]));
        setText(this.counted[i], ` counted ${percent(part)}`);
      }
      if (this.above[i]) this.above[i].hidden = !(column[at] > this.plot?.scales.y.max);
    });
    if (!hovering) {
      const said = spec.lines.map((line, i) => !this.items[i].hidden && `${line.label} ${this.values[i].textContent}`).filter(Boolean).join(', ');
      setAttribute(this.holder, 'aria-label', `${spec.title}, ${spec.unit}; newest: ${said}`);
    }
    this.onCursor(hovering ? this.times[index] : null);
  }

  /** Says something else than the usual in place of an empty chart; null: the usual. */
  explain(text) {
    setText(this.note, text ?? this.spec.empty);
  }

  redraw() {
    this.plot?.redraw(false);
  }

  close() {
    this.resize.disconnect();
    this.plot?.destroy();
  }
}
