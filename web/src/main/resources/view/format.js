// Numbers for people: three significant digits, one narrow space before the unit, an en dash where nothing was measured.

const SPACE = '\u202f';
export const NONE = '–';

/** @param {number | null | undefined} value */
export const known = value => value !== null && value !== undefined && Number.isFinite(value);

/** As `format` says, without the zeros that say nothing on an axis: `5 ms`, not `5.00 ms`. */
export const short = (format, value) => format(value).replace(/(\.\d*?)0+(?!\d)/, '$1').replace(/\.(?!\d)/, '');

/** Three significant digits without an exponent. */
export function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return '0';
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.00995 ? 2 : 3);
}

const scaled = (value, base, units) => {
  let step = 0;
  while (Math.abs(value) >= base * 0.9995 && step < units.length - 1) {
    value /= base;
    step++;
  }
  return digits(value) + (units[step] ? SPACE + units[step] : '');
};

const or = format => value => (known(value) ? format(value) : NONE);

/** A share 0 to 1 as percent. */
export const percent = or(value => digits(value * 100) + SPACE + '%');
/** Bytes, in powers of 1024. */
export const bytes = or(value => (Math.abs(value) < 1024 ? Math.round(value) + SPACE + 'B' : scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])));
/** A plain number: 12, 3.4 k, 1.2 M. */
export const count = or(value => (Number.isInteger(value) && Math.abs(value) < 1000 ? String(value) : scaled(value, 1000, ['', 'k', 'M', 'G', 'T'])));
/** A rate of small things: whole from ten on, where decimals would only flicker. */
export const whole = or(value => count(value < 10 ? value : Math.round(value)));
/** Events per second; the unit stands in the heading. */
export const rate = count;
/** Milliseconds; from 1000 on, seconds; below a tenth, microseconds. */
export const millis = or(value => {
  if (value === 0) return '0' + SPACE + 'ms';
  if (Math.abs(value) < 0.0995) return digits(value * 1000) + SPACE + 'µs';
  return Math.abs(value) < 999.5 ? digits(value) + SPACE + 'ms' : digits(value / 1000) + SPACE + 's';
});
/** CPU cores' worth of time, to a hundredth: over one second the kernel's accounting is no finer. */
export const cores = or(value => value.toFixed(value < 9.995 ? 2 : 1));
/** A plain ratio such as instructions per cycle. */
export const ratio = or(digits);
/** A frequency, from Hz. */
export const hertz = or(value => scaled(value, 1000, ['Hz', 'kHz', 'MHz', 'GHz']));

/** How long, from milliseconds: `12 s`, `4 min`, `2 h 5 min`, `3 d 4 h`. */
export const duration = or(value => {
  const seconds = Math.max(0, Math.round(value / 1000));
  if (seconds < 100) return seconds + SPACE + 's';
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return minutes + SPACE + 'min';
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${SPACE}h ${minutes % 60}${SPACE}min`;
  return `${Math.floor(hours / 24)}${SPACE}d ${hours % 24}${SPACE}h`;
});

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dateFormat = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit' });

/** Time of day with seconds, in the browser's zone. */
export const clock = or(value => clockFormat.format(value));
/** Date and time of day, in the browser's zone. */
export const dateTime = or(value => `${dateFormat.format(value)} ${clockFormat.format(value)}`);

/** Ends what an agent says as a sentence ends. */
export const sentence = text => (!text || /[.!?]$/.test(text) ? text : text + '.');

/** The browser's time zone, as `Europe/Berlin (UTC+1)`. */
export function zone() {
  const offset = -new Date().getTimezoneOffset();
  const hours = Math.floor(Math.abs(offset) / 60);
  const minutes = Math.abs(offset) % 60;
  const utc = offset === 0 ? 'UTC' : `UTC${offset < 0 ? '−' : '+'}${hours}${minutes ? ':' + String(minutes).padStart(2, '0') : ''}`;
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name && name !== 'UTC' ? `${name} (${utc})` : utc;
}
