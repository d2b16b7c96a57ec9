// Light or dark: as the system says, unless the switch says otherwise.
import { signal } from './ui.js';

const key = 'nagare.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const kept = () => { try { return localStorage.getItem(key); } catch { return null; } };

// theme is "light" or "dark", what is shown.
export const theme = signal(kept() || (system.matches ? 'dark' : 'light'));

const put = () => { document.documentElement.dataset.theme = theme.peek(); };
put();
system.addEventListener('change', () => { if (!kept()) { theme.value = system.matches ? 'dark' : 'light'; put(); } });

export function toggle() {
  const next = theme.peek() === 'dark' ? 'light' : 'dark';
  try { localStorage.setItem(key, next); } catch { /* it is forgotten with the tab */ }
  document.documentElement.dataset.theme = next;
  theme.value = next;
}

// color is a CSS variable's value now: color('--ink').
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// seriesColor is the colour of a chart's line by its number.
export const seriesColor = (i) => color('--s' + (i % 8 + 1));
