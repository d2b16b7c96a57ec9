// JSON of the API that is read again as long as a view shows it.
import { useEffect, useRef, useState } from './ui.js';
import { get } from './api.js';
import { tick, connected, paused } from './live.js';

// usePoll reads a path now, and again with an update at most every so many ms: not while the tab is hidden, the page
// paused, or the process away. It gives {data, error, again}; what was read last stays beside an error. again() reads at
// once. take(answer, before) makes the data of an answer.
export function usePoll(path, every = 1000, take) {
  const [got, set] = useState({ data: null, error: null });
  const last = useRef(0), read = useRef(() => {});
  useEffect(() => {
    let busy = null, gone = false;
    read.current = async () => {
      if (busy) return;
      busy = new AbortController();
      last.current = performance.now();
      try {
        const answer = await get(typeof path === 'function' ? path() : path, { signal: busy.signal });
        if (!gone) set((before) => ({ data: take ? take(answer, before.data) : answer, error: null }));
      } catch (error) {
        if (!gone) set((before) => ({ ...before, error }));
      }
      busy = null;
    };
    read.current();
    const end = tick.subscribe(() => {
      if (document.hidden || paused.peek() || !connected.peek() || performance.now() - last.current < every - 100) return;
      read.current();
    });
    return () => { gone = true; end(); if (busy) busy.abort(); };
  }, [typeof path === 'string' ? path : '', every]);
  return { ...got, again: () => { last.current = 0; read.current(); } };
}
