// Where one is: #/view?name=value. Links are plain <a href="#/…">, so that back and new tabs work.
import { signal } from './ui.js';

function here() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  let view = path;
  try { view = decodeURIComponent(path); } catch { /* as it stands */ }
  return { view, params: Object.fromEntries(new URLSearchParams(query || '')) };
}

export const route = signal(here());
addEventListener('hashchange', () => { route.value = here(); });

// to is the address of a view.
export function to(view, params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== undefined && v !== null && v !== '')).toString();
  return '#/' + view + (query ? '?' + query : '');
}

export const go = (view, params) => { location.hash = to(view, params); };
