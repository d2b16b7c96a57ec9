// Rows of the API that are read again as long as a view shows them.
import { useEffect, useRef, useState } from './ui.js';
import { rows } from './api.js';
import { tick, connected, paused } from './live.js';

// shared has the server make rows once for all who look: they may be as old as they would be here before they are read again.
const shared = (path, every) => (path.startsWith('/api/tables/') ? path + (path.includes('?') ? '&' : '?') + 'maxAge=' + (every - 100) : path);

// useRows reads a path (/api/tables/…, /api/query?sql=…) now, and again with an update at most every so many ms: not
// while the tab is hidden, the page paused, or the process away. It gives {columns, rows, open, error, loading}; what
// was read last stays beside an error.
export function useRows(path, every = 2000) {
  const [got, set] = useState({ columns: [], rows: [], open: -1, loading: true });
  const last = useRef(0);
  useEffect(() => {
    if (!path) return undefined;
    let busy = null, gone = false;
    const read = async () => {
      if (busy) return;
      busy = new AbortController();
      last.current = performance.now();
      try {
        const answer = await rows(shared(path, every), { signal: busy.signal });
        if (!gone) set(answer);
      } catch (error) {
        if (!gone) set((before) => ({ ...before, loading: false, error }));
      }
      busy = null;
    };
    read();
    const end = tick.subscribe(() => {
      if (document.hidden || paused.peek() || !connected.peek() || performance.now() - last.current < every - 100) return;
      read();
    });
    return () => { gone = true; end(); if (busy) busy.abort(); };
  }, [path, every]);
  return got;
}

// What a chart of windows reads at first, and what it reads again: windows that are final stay as they are.
const firstRows = 2000, leastAgain = 60;

// useWindows is useRows for a table of windows, which rows follow in time. It reads the newest rows again, and keeps those
// of before as far as they are older. timeOf gives a row's time as a text.
export function useWindows(table, timeOf, every = 1000) {
  const kept = useRef({ table: null, rows: [], limit: firstRows });
  const [limit, setLimit] = useState(firstRows);
  if (kept.current.table !== table) kept.current = { table, rows: [], answer: null };
  const got = useRows('/api/tables/' + encodeURIComponent(table) + '?open=true&limit=' + limit, every);
  const k = kept.current;
  if (got.rows !== k.answer && !got.loading) {
    k.answer = got.rows;
    const first = got.rows.length ? timeOf(got.rows[0]) : '';
    const cut = got.rows.length >= limit; // rows of the first time may be missing
    const joins = k.rows.length && k.rows.some((r) => timeOf(r) === first);
    if (!cut || !k.rows.length || limit === firstRows) k.rows = cut ? got.rows.filter((r) => timeOf(r) !== first) : got.rows;
    else if (joins) k.rows = k.rows.filter((r) => timeOf(r) <= first).concat(got.rows.filter((r) => timeOf(r) > first)).slice(-firstRows);
    const openRows = got.open >= 0 ? got.rows.filter((r) => r[got.open] === 'true').length : 0;
    const want = cut && !joins && k.rows.length ? firstRows : Math.min(firstRows, Math.max(leastAgain, 2 * openRows + 40));
    if (want > limit || want < limit / 2) k.next = want; else k.next = limit;
  }
  useEffect(() => { if (k.next && k.next !== limit) setLimit(k.next); });
  return { ...got, rows: k.rows };
}
