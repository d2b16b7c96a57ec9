// A table of rows that come from the process.
import { html, use, useRef, useState } from './ui.js';
import { t, language, cell, isNumeric } from './words.js';
import { Question, Downloads } from './question.js';
import { Saves } from './save.js';

// Table shows rows, and holds them where they are while one reads: while the pointer or the focus is in it, or it is
// scrolled. It says so, and how many rows differ.
//   columns   [{name, type, title}]
//   rows      [[text or null]]
//   open      index of the column that tells rows of open windows ("true"), or -1: they are lighter, the column is not shown
//   label     what it is, for screen readers
//   sql       the statement that gives the rows, here and in the downloads; without one, those shown are saved. name: of their file
//   onCell    (row as {column: text}, column name, row) → called for a cell that was clicked or chosen by Enter; one of the
//             cells is reached with Tab, the others from there with the arrow keys, Home and End
//   hide      names of columns that are not shown; more: a node for the foot
export function Table({ columns, rows, open = -1, label, sql, name = 'rows', onCell, hide = [], more, empty }) {
  use(language);
  const [reading, setReading] = useState(false), [spot, setSpot] = useState({ row: 0, cell: 0 });
  const held = useRef(null), box = useRef(null), inside = useRef({ pointer: false, focus: false });
  const look = () => setReading(inside.current.pointer || inside.current.focus || (box.current && box.current.scrollTop > 2));
  if (!reading || !held.current || held.current.columns.length !== columns.length) held.current = { columns, rows };
  const shown = held.current;
  const stale = shown.rows !== rows && !same(shown.rows, rows);
  const visible = columns.map((c, i) => i).filter((i) => i !== open && !hide.includes(columns[i].name));
  const chosen = (row, i) => onCell(Object.fromEntries(columns.map((c, k) => [c.name, row[k]])), columns[i].name, row);
  const release = () => { inside.current = { pointer: false, focus: false }; if (box.current) box.current.scrollTop = 0; held.current = null; setReading(false); box.current.focus(); };
  const keys = (e) => { if (e.target.matches('button.cell')) walk(e); };
  const enter = (e) => { const at = e.target.closest('td'); if (at) setSpot({ row: at.parentElement.sectionRowIndex, cell: at.cellIndex }); inside.current.focus = true; look(); };
  const stop = { row: Math.min(spot.row, shown.rows.length - 1), cell: Math.min(spot.cell, visible.length - 1) };
  return html`<div class="table">
    <div class="scroll" ref=${box} tabindex="0" role="region" aria-label=${label}
      onPointerEnter=${(e) => { if (e.pointerType === 'mouse') { inside.current.pointer = true; look(); } }}
      onPointerLeave=${() => { inside.current.pointer = false; look(); }}
      onFocusIn=${enter} onKeyDown=${keys}
      onFocusOut=${() => { inside.current.focus = false; look(); }}
      onScroll=${look}>
      <table role=${onCell ? 'grid' : null}>
        <thead><tr>${visible.map((i) => html`<th key=${i} scope="col" class=${isNumeric(columns[i].type) ? 'num' : ''} title=${columns[i].name + ' ' + columns[i].type}>${columns[i].title || columns[i].name}</th>`)}</tr></thead>
        <tbody>${shown.rows.map((row, r) => html`<tr key=${r} class=${open >= 0 && row[open] === 'true' ? 'open' : ''}>
          ${visible.map((i, c) => html`<td key=${i} class=${(isNumeric(columns[i].type) ? 'num' : '') + (row[i] === null ? ' null' : '')}>${onCell
            ? html`<button type="button" class="cell" tabindex=${r === stop.row && c === stop.cell ? 0 : -1} onClick=${() => chosen(row, i)}>${cell(row[i], columns[i].type)}</button>`
            : cell(row[i], columns[i].type)}</td>`)}
        </tr>`)}</tbody>
      </table>
      ${shown.rows.length === 0 && html`<p class="empty">${empty || t('No rows yet.', 'まだ行がありません。')}</p>`}
    </div>
    <div class="foot">
      ${reading && stale ? html`<span class="held" role="status">${t('Held while you read', '閲覧中は更新を止めています')} <button type="button" class="quiet" onClick=${release}>${t('show the newest', '最新を表示')}</button></span>` : ''}
      ${sql ? html`<${Question} sql=${sql} /><${Downloads} sql=${sql} name=${name} />` : html`<${Saves} columns=${visible.map((i) => columns[i].name)} rows=${() => shown.rows.map((row) => visible.map((i) => row[i]))} name=${name} label=${label} />`}
      ${more}
    </div>
  </div>`;
}

// walk moves the focus from a cell to the one that a key leads to.
function walk(event) {
  const cell = event.target.closest('td'), row = cell.parentElement, rows = row.parentElement.rows;
  const [r, c] = [row.sectionRowIndex, cell.cellIndex];
  const to = { ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], Home: [r, 0], End: [r, row.cells.length - 1] }[event.key];
  if (!to) return;
  event.preventDefault(); // the table does not scroll by it, but as the focus needs
  const there = rows[to[0]] && rows[to[0]].cells[to[1]];
  if (there) there.querySelector('button').focus();
}

function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) for (let k = 0; k < a[i].length; k++) if (a[i][k] !== b[i][k]) return false;
  return true;
}
