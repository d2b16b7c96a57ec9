// Words in English and Japanese, and numbers and times as people read them.
import { signal } from './ui.js';

const key = 'nagare.language';
const kept = () => { try { return localStorage.getItem(key); } catch { return null; } };

export const language = signal(kept() || ((navigator.languages || [navigator.language]).find((l) => /^(ja|en)/.test(l)) || 'en').slice(0, 2));

// t chooses between the two; a component that calls it also has to use(language), which page.js does for all views.
export const t = (en, ja) => (language.peek() === 'ja' ? ja : en);

document.documentElement.lang = language.peek();

export function speak(lang) {
  language.value = lang;
  try { localStorage.setItem(key, lang); } catch { /* it is forgotten with the tab */ }
  document.documentElement.lang = lang;
}

const isNone = (us) => us === null || us === undefined || us < -9e15 || us > 9e15;

// number groups the digits of a number; digits: at most so many behind the point.
export function number(n, digits = 0) {
  if (n === null || n === undefined || Number.isNaN(n)) return '–';
  return n.toLocaleString('en-US', { maximumFractionDigits: digits });
}

// plural chooses the English word for so many.
export const plural = (n, one, more) => (n === 1 ? one : more);

// short is a number in four places or so: 12.3k, 4.56M.
export function short(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return '–';
  const a = Math.abs(n);
  for (const [unit, name] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (a >= unit) return (n / unit).toFixed(a >= 100 * unit ? 0 : a >= 10 * unit ? 1 : 2) + name;
  }
  return number(n, a >= 100 ? 0 : a >= 10 ? 1 : 2);
}

export function bytes(n) {
  if (n === null || n === undefined) return '–';
  for (const [unit, name] of [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']]) if (n >= unit) return (n / unit).toFixed(n >= 100 * unit ? 0 : 1) + ' ' + name;
  return n + ' B';
}

// seconds is a duration in the unit that fits.
export function seconds(s) {
  if (s === null || s === undefined || Number.isNaN(s)) return '–';
  if (s === 0) return '0 s';
  if (s < 0.001) return (s * 1e6).toFixed(0) + ' µs';
  if (s < 1) return (s * 1000).toFixed(s < 0.01 ? 1 : 0) + ' ms';
  if (s < 60) return s.toFixed(s < 10 ? 1 : 0) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + Math.floor(s % 60) + ' s';
  if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor((s % 3600) / 60) + ' min';
  return Math.floor(s / 86400) + ' d ' + Math.floor((s % 86400) / 3600) + ' h';
}

// time is a moment of the server (µs since 1970, or ISO 8601) in UTC: 12:03:41, with the date where it is not the day of now.
export function time(at, now) {
  if (typeof at === 'string') at = Date.parse(at) * 1000;
  if (isNone(at) || Number.isNaN(at)) return '–';
  const text = new Date(at / 1000).toISOString();
  const today = now ? new Date(now).toISOString().slice(0, 10) : text.slice(0, 10);
  return (text.slice(0, 10) === today ? '' : text.slice(0, 10) + ' ') + text.slice(11, 19) + 'Z';
}

// cell is a value of a table as text for people: whole times without their zeros, long fractions cut.
export function cell(text, type) {
  if (text === null || text === undefined) return 'NULL';
  if (type === 'timestamp') return text.replace('T', ' ').replace(/(\.\d{3})\d+/, '$1').replace('Z', '');
  if (isNumeric(type) && /^-?\d+(\.\d+)?$/.test(text)) {
    const n = Number(text);
    if (Math.abs(n) < 9e15) return type === 'double' || type === 'float' || type.startsWith('decimal') ? number(n, 2) : number(n);
  }
  return text;
}

export const isNumeric = (type) => /^(tinyint|smallint|int|bigint|float|double|decimal)/.test(type);

// title makes a table's or column's name a title: sales_by_minute → Sales by minute.
export function title(name) {
  const text = name.replace(/[_$]+/g, ' ').trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
