// The words of a query: tables and topics with their columns, functions, keywords.
import { signal } from './ui.js';
import { get } from './api.js';

export const names = signal(null);
let asked = null;

// loadNames reads them once; again: anew.
export function loadNames(again) {
  if (!asked || again) asked = get('/api/names').then((n) => { names.value = n; return n; }, (err) => { asked = null; throw err; });
  return asked;
}

// datasetNamed is a table, view or topic of /api/names, or null.
export const datasetNamed = (name) => (names.peek() ? names.peek().datasets.find((d) => d.name === name) || null : null);

// rowKey is the columns and values that name a row: its grouping columns, or all that are no fractions and no long texts.
export function rowKey(table, columns, row) {
  const d = datasetNamed(table);
  const key = {};
  columns.forEach((c, i) => {
    const wanted = d && d.key && d.key.length ? d.key.includes(c.name) : !/^(float|double|struct|array|map|binary)/.test(c.type) && (row[i] === null || row[i].length < 200) && !/^open_*$/.test(c.name);
    if (wanted) key[c.name] = row[i] === null ? 'NULL' : row[i];
  });
  return key;
}
