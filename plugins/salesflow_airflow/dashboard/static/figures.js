// Figures as people read them. Money comes as decimal strings and is added up as integers; only
// ratios and pixels are floats.

const NONE = "–";
const MOST_PERCENT = 10_000;
const DIGITS = 8;
const UNIT = 10n ** BigInt(DIGITS);

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const exactMoney = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const wholeMoney = new Intl.NumberFormat("en-US", {
  style: "currency", currency: "USD", maximumFractionDigits: 0,
});
const shortMoney = new Intl.NumberFormat("en-US", {
  style: "currency", currency: "USD", notation: "compact", maximumFractionDigits: 1,
});
const hugeMoney = new Intl.NumberFormat("en-US", {
  style: "currency", currency: "USD", notation: "scientific", maximumFractionDigits: 1,
});
const clock = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const ofDay = clock({ hour: "2-digit", minute: "2-digit" });
const ofSecond = clock({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = clock({ day: "numeric", month: "short" });
const weekday = clock({ weekday: "long" });
const shortWeekday = clock({ weekday: "short", day: "numeric", month: "short" });

/** A decimal string as an integer of its last digit that counts, 10⁻⁸. */
function parsed(text) {
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!parts) throw new RangeError(`${text} is no decimal number`);
  const [, minus, before, after = ""] = parts;
  const digits = BigInt(before + after.slice(0, DIGITS).padEnd(DIGITS, "0"));
  return minus ? -digits : digits;
}

function written(units) {
  const digits = (units < 0n ? -units : units).toString().padStart(DIGITS + 1, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS)}`;
}

/** The sum of decimal strings, as one. */
export const sum = (texts) => written(texts.reduce((total, text) => total + parsed(text), 0n));

/** A price times a number of pieces. */
export const times = (text, pieces) => written(parsed(text) * BigInt(pieces));

/** Divided by a number of seconds and taken for a minute. */
export function perMinute(text, seconds) {
  const milliseconds = BigInt(Math.max(1, Math.round(seconds * 1000)));
  return written((parsed(text) * 60_000n) / milliseconds);
}

/** For pixels and shares only. */
export const size = (text) => Number(parsed(text)) / Number(UNIT);

export const money = (text) => (text === null ? NONE : exactMoney.format(text));
/** As long as a tile or a row bears; what is more is told in thousands of millions. */
export const fitMoney = (text, full = money) =>
  (text === null || Math.abs(size(text)) < 1e9 ? full(text) : tickMoney(size(text)));
export const roundMoney = (text) => (text === null ? NONE : wholeMoney.format(text));
/** $12.4K, for the ticks of an axis. */
export const tickMoney = (value) => (Math.abs(value) < 1e15 ? shortMoney : hugeMoney).format(value);
export const count = (value) => (value === null || value === undefined ? NONE : whole.format(value));
export const rate = (value) => (value < 10 ? fine : whole).format(value);

/** How long ago that is, in words. */
export const ago = (seconds) => (seconds < 2 ? "just now" : `${span(seconds)} ago`);

/** By how much percent it differs; null if there was nothing before. */
export function change(now, before) {
  if (now === null || before === null || !before) return null;
  return (now / before - 1) * 100;
}

/** +12.8 %, −3 %, ±0 %: signed, with a true minus; what is beyond all comparison isn't spelt out. */
export function percent(value) {
  if (value === null) return NONE;
  if (value >= MOST_PERCENT) return `> +${whole.format(MOST_PERCENT)}\u202f%`;
  const rounded = Math.abs(value) < 100 ? Math.round(value * 10) / 10 : Math.round(value);
  const mark = rounded > 0 ? "+" : rounded < 0 ? "−" : "±";
  return `${mark}${fine.format(Math.abs(rounded))}\u202f%`;
}

/** 1 s, 4 min, 3 h, 2 days: one unit, as exact as one cares. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 48 * 3600) {
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor((whole % 3600) / 60);
    return hours < 6 && minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  return `${Math.floor(whole / 86400)} days`;
}

const at = (format) => (text) => (text === null ? NONE : format.format(new Date(text)));
export const time = at(ofDay);
export const exactTime = at(ofSecond);
export const shortDay = at(day);
export const dayOfWeek = at(weekday);
export const dayInWeek = at(shortWeekday);

/** 13:41, or with the day if it isn't today's. */
export function moment(text, now) {
  if (text === null) return NONE;
  return text.slice(0, 10) === new Date(now).toISOString().slice(0, 10)
    ? time(text)
    : `${shortDay(text)}, ${time(text)}`;
}
