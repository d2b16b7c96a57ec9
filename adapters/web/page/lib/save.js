// Tables that no statement gives, as files.
import { html, use } from './ui.js';
import { language } from './words.js';

// csvCell quotes a value; a text that a spreadsheet would take for a formula has a ' before it.
export function csvCell(value) {
  if (value === null || value === undefined) return '';
  let text = String(value);
  if (typeof value !== 'number' && /^[=+\-@\t\r\n＝＋－＠]/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
}

// save hands a text to the browser as a file.
function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Saves is buttons that save rows as CSV (safe for spreadsheets) and as JSON.
//   columns  names; rows: arrays of values, or a function that gives them; name: of the file; label: of the table
export function Saves({ columns, rows, name, label = name }) {
  use(language);
  const take = (format) => {
    const all = typeof rows === 'function' ? rows() : rows;
    if (format === 'json') return save(name + '.json', 'application/json', JSON.stringify(all.map((r) => Object.fromEntries(columns.map((c, i) => [c, r[i] ?? null]))), null, 2) + '\n');
    return save(name + '.csv', 'text/csv', [columns, ...all].map((r) => r.map(csvCell).join(',')).join('\n') + '\n');
  };
  return html`<span class="downloads"><button type="button" class="quiet" onClick=${() => take('csv')} aria-label=${label + ', CSV'}>CSV</button> <button type="button" class="quiet" onClick=${() => take('json')} aria-label=${label + ', JSON'}>JSON</button></span>`;
}
