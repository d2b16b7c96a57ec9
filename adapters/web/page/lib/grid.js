// A table of what the process tells of itself: cells may be drawn, and rows keep their places while one reads.
import { html, use, useRef, useState } from './ui.js';
import { t, language, number } from './words.js';
import { Num } from './question.js';
import { Saves } from './save.js';

// shownOf is what a cell shows, as a link to its question. Nothing has none.
function shownOf(column, row) {
  const shown = column.draw ? column.draw(row) : column.of(row) ?? '–';
  return column.ask ? html`<${Num} ask=${column.ask(row)}>${shown}<//>` : shown;
}

// Grid shows rows.
//   columns  [{name, title, num, of: row → value, draw: row → what is shown (else the value), ask: row → the question that
//            gives it, wrap: it may break}]
//   rows     objects; keyOf gives what names a row
//   label    what it is, for screen readers; name of the file of a download; foot: a node, the question
export function Grid({ columns, rows, keyOf, label, name, foot, empty, tall }) {
  use(language);
  const [reading, setReading] = useState(false);
  const inside = useRef({ pointer: false, focus: false }), held = useRef([]), known = useRef(new Map());
  const look = () => setReading(inside.current.pointer || inside.current.focus);
  const now = new Map(rows.map((r) => [keyOf(r), r]));
  let order = [...now.keys()], fresh = 0;
  if (reading) {
    fresh = order.filter((k) => !held.current.includes(k)).length;
    const moved = fresh > 0 || order.join('\n') !== held.current.join('\n');
    order = held.current;
    if (moved && !fresh) fresh = -1;
  } else held.current = order;
  for (const [k, r] of now) known.current.set(k, r);
  for (const k of known.current.keys()) if (!now.has(k) && !order.includes(k)) known.current.delete(k);
  const shown = order.map((k) => [k, known.current.get(k)]).filter(([, r]) => r);
  return html`<div class="table">
    <div class=${'scroll' + (tall ? ' tall' : '')} tabindex="0" role="region" aria-label=${label}
      onPointerEnter=${(e) => { if (e.pointerType === 'mouse') { inside.current.pointer = true; look(); } }}
      onPointerLeave=${() => { inside.current.pointer = false; look(); }}
      onFocusIn=${() => { inside.current.focus = true; look(); }} onFocusOut=${() => { inside.current.focus = false; look(); }}>
      <table><thead><tr>${columns.map((c) => html`<th key=${c.name} scope="col" class=${c.num ? 'num' : ''}>${c.title}</th>`)}</tr></thead>
        <tbody>${shown.map(([k, row]) => html`<tr key=${k} class=${now.has(k) ? '' : 'gone'}>${columns.map((c) => html`<td key=${c.name} class=${(c.num ? 'num' : '') + (c.wrap ? ' wrap' : '')}>${shownOf(c, row)}</td>`)}</tr>`)}</tbody></table>
      ${shown.length === 0 && html`<p class="empty">${empty || t('Nothing.', 'ありません。')}</p>`}
    </div>
    <div class="foot">${reading && fresh !== 0 ? html`<span class="held" role="status">${t('Rows stay in place while you read', '閲覧中は行の並びを保ちます')}${fresh > 0 ? t(`, ${number(fresh)} new`, `（新着 ${number(fresh)}）`) : ''}</span>` : ''}
      ${foot}
      <${Saves} name=${name} label=${label} columns=${columns.map((c) => c.name)} rows=${() => [...now.values()].map((r) => columns.map((c) => c.of(r)))} /></div>
  </div>`;
}

// kindOf is the look of a part's state.
const kindOf = { idle: 'calm', 'keeping up': 'good', starting: 'wait', recovering: 'wait', 'falling behind': 'warn', degraded: 'warn', stuck: 'bad', failed: 'bad', firing: 'bad', pending: 'warn', resolved: 'good', active: 'wait', expired: 'calm' };
const inJapanese = { idle: '待機中', 'keeping up': '追従中', starting: '開始中', recovering: '回復中', 'falling behind': '遅れが拡大', degraded: '低下', stuck: '停止', failed: '失敗', firing: '発生中', pending: '保留', resolved: '解消', active: '有効', expired: '終了', critical: '重大', warning: '警告', info: '情報' };

// word is a state in the language of the page.
export const word = (state) => t(state, inJapanese[state] || state);

// Pill is a state with its colour and its word.
export function Pill({ state, kind }) {
  use(language);
  return html`<span class=${'pill ' + (kind || kindOf[state] || 'calm')}><i></i>${word(state)}</span>`;
}

// Bar is a share from 0 to 1 as a bar; over: another share behind it, lighter.
export function Bar({ share, over = 0, kind = 'good', label }) {
  const at = (x) => Math.max(0, Math.min(1, x || 0)) * 100;
  return html`<svg class=${'bar ' + kind} viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${label}>
    <rect class="ground" width="100" height="8" rx="1" /><rect class="over" width=${at(over)} height="8" rx="1" /><rect class="fill" width=${at(share)} height="8" rx="1" /></svg>`;
}
