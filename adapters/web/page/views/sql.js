// SQL: a SELECT over tables, views and topics, checked while it is written.
import { html, use, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../lib/ui.js';
import { post, stream } from '../lib/api.js';
import { t, language, number, plural, seconds, isNumeric, short, cell } from '../lib/words.js';
import { Table } from '../lib/table.js';
import { Question, Downloads } from '../lib/question.js';
import { Chart } from '../lib/chart.js';
import { Panel, Trouble } from '../lib/panel.js';
import { names, loadNames } from '../lib/names.js';
import { tokens, offsetOf, suggestions } from '../lib/sqltext.js';

const mostRows = 1000, historyKey = 'nagare.sql.history', mostHistory = 30;
const kept = () => { try { return JSON.parse(localStorage.getItem(historyKey)) || []; } catch { return []; } };
const keep = (list) => { try { localStorage.setItem(historyKey, JSON.stringify(list)); } catch { /* it is forgotten with the tab */ } };

// Editor is a text area whose letters are seen through to a coloured copy behind it.
function Editor({ text, set, faults, run, box }) {
  use(language);
  use(names);
  const back = useRef(null);
  const [caret, setCaret] = useState(0);
  const shown = useMemo(() => {
    const marks = faults.map((f) => offsetOf(text, f.line, f.column));
    return tokens(text).map((k, i) => {
      const bad = marks.some((m) => m >= k.at && m < k.at + k.text.length);
      return html`<span key=${i} class=${'k-' + k.kind + (bad ? ' fault' : '')}>${k.text}</span>`;
    });
  }, [text, faults, names.peek()]);
  useLayoutEffect(() => { back.current.scrollTop = box.current.scrollTop; back.current.scrollLeft = box.current.scrollLeft; });
  const near = suggestions(text, caret);
  const take = (s) => {
    const start = caret - near.word.length, next = text.slice(0, start) + s.insert + text.slice(caret);
    set(next);
    requestAnimationFrame(() => { box.current.focus(); box.current.setSelectionRange(start + s.insert.length, start + s.insert.length); setCaret(start + s.insert.length); });
  };
  const keys = (e) => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); run(); }
    if (e.key === ' ' && e.ctrlKey && near.list.length) { e.preventDefault(); take(near.list[0]); }
  };
  const rows = Math.min(24, Math.max(6, text.split('\n').length + 1));
  return html`<div class="editor"><pre ref=${back} aria-hidden="true">${shown}${'\n'}</pre>
    <textarea ref=${box} rows=${rows} spellcheck=${false} autocapitalize="off" autocomplete="off" aria-label=${t('SELECT statement', 'SELECT 文')} aria-describedby="sql-faults" aria-invalid=${String(faults.length > 0)}
      value=${text} onInput=${(e) => { set(e.target.value); setCaret(e.target.selectionStart); }} onKeyDown=${keys} onKeyUp=${(e) => setCaret(e.target.selectionStart)} onClick=${(e) => setCaret(e.target.selectionStart)}
      onScroll=${(e) => { back.current.scrollTop = e.target.scrollTop; back.current.scrollLeft = e.target.scrollLeft; }}></textarea>
    <div class="near" aria-label=${t('Names that fit', '候補')} role="group">${near.list.map((s, i) => html`<button key=${s.name + s.kind} type="button" class="quiet" onClick=${() => take(s)}><code>${s.name}</code> <small>${s.kind}${i === 0 ? ' · Ctrl+Space' : ''}</small></button>`)}</div></div>`;
}

// useCheck has the server check a text once nobody has written for a moment.
function useCheck(text) {
  const [got, set] = useState({ faults: [], columns: null });
  useEffect(() => {
    if (!text.trim()) { set({ faults: [], columns: null }); return undefined; }
    const busy = new AbortController();
    const id = setTimeout(() => post('/api/check', text, { signal: busy.signal }).then(set, (err) => { if (err.name !== 'AbortError') set({ faults: [], columns: null }); }), 250);
    return () => { clearTimeout(id); busy.abort(); };
  }, [text]);
  return got;
}

// read takes the first rows of a query, line by line; one that has more is stopped.
async function read(sql, signal, stop) {
  const answer = await stream('POST', '/api/query?format=cells', sql, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const got = { columns: [], rows: [], more: false };
  let rest = '', first = true;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return got;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line) continue;
      if (first) { got.columns = JSON.parse(line).columns; first = false; continue; }
      if (got.rows.length === mostRows) { got.more = true; stop(); return got; }
      got.rows.push(JSON.parse(line));
    }
  }
}

const isTime = (type) => type === 'timestamp' || type === 'date';

// Result draws the rows: lines over the first time, or bars over the first text.
function Drawn({ got }) {
  use(language);
  const numeric = got.columns.map((c, i) => i).filter((i) => isNumeric(got.columns[i].type));
  const times = got.columns.findIndex((c) => isTime(c.type)), texts = got.columns.map((c, i) => i).filter((i) => got.columns[i].type === 'string');
  const [pick, setPick] = useState(0);
  const value = numeric.includes(pick) ? pick : numeric[0];
  if (value === undefined || (times < 0 && !texts.length)) return html`<p class="empty">${t('A chart needs a column of numbers and one of times or texts.', 'グラフには数値の列と、時刻または文字列の列が必要です。')}</p>`;
  const choice = html`<label>${t('Value', '値')} <select value=${value} onChange=${(e) => setPick(Number(e.target.value))}>${numeric.map((i) => html`<option key=${i} value=${i}>${got.columns[i].name}</option>`)}</select></label>`;
  if (times >= 0) {
    const lines = new Map(), at = new Set();
    for (const row of got.rows) {
      if (row[times] === null || row[value] === null) continue;
      const s = Date.parse(row[times]) / 1000, name = texts.map((i) => row[i] ?? 'NULL').join(' · ') || got.columns[value].name;
      if (!lines.has(name)) lines.set(name, new Map());
      at.add(s);
      lines.get(name).set(s, Number(row[value]));
    }
    const sorted = [...at].sort((a, b) => a - b);
    const series = [...lines].slice(0, 8).map(([label, line], hue) => ({ label, hue, values: sorted.map((s) => line.get(s) ?? null) }));
    return html`${choice}<${Chart} times=${sorted} series=${series} height=${260} label=${got.columns[value].name} />
      ${lines.size > 8 && html`<p class="note">${t(`the first 8 of ${lines.size} lines`, `${lines.size} 本のうち最初の 8 本`)}</p>`}`;
  }
  const bars = got.rows.filter((r) => r[value] !== null).slice(0, 30).map((r) => ({ name: texts.map((i) => r[i] ?? 'NULL').join(' · '), n: Number(r[value]), text: cell(r[value], got.columns[value].type) }));
  const most = Math.max(...bars.map((b) => Math.abs(b.n)), 1e-9);
  return html`${choice}<ul class="bars">${bars.map((b, i) => html`<li key=${i}><span class="name">${b.name}</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class=${b.n < 0 ? 'below' : ''} width=${(100 * Math.abs(b.n) / most).toFixed(2)} height="10" rx="1" /></svg><b>${b.text}</b></li>`)}</ul>
    ${got.rows.length > 30 && html`<p class="note">${t(`the first 30 of ${number(got.rows.length)} rows`, `${number(got.rows.length)} 行のうち最初の 30 行`)}</p>`}`;
}

const first = 'SELECT *\nFROM ';

function SQL({ params }) {
  use(language);
  const all = use(names), box = useRef(null), busy = useRef(null);
  const [text, set] = useState(params.q || (kept()[0] || {}).sql || '');
  const [state, setState] = useState({}), [drawn, setDrawn] = useState(false), [past, setPast] = useState(kept());
  const check = useCheck(text);
  useEffect(() => { loadNames(true).catch(() => {}); return () => { if (busy.current) busy.current.abort(); }; }, []);
  useEffect(() => { if (params.q) { set(params.q); run(params.q); } }, [params.q]);
  useEffect(() => { if (!text && all && all.datasets[0]) set(first + '`' + all.datasets[0].name + '`\nLIMIT 100'); }, [all]);

  async function run(of) {
    const sql = (of || text).trim().replace(/;\s*$/, '');
    if (!sql) return;
    if (busy.current) busy.current.abort();
    const control = new AbortController(), begin = performance.now();
    let full = false;
    busy.current = control;
    setState((s) => ({ ...s, running: true, error: null, cancelled: false }));
    try {
      const got = await read(sql, control.signal, () => { full = true; });
      if (full) control.abort();
      const took = (performance.now() - begin) / 1000;
      setState({ got, sql, took });
      const list = [{ sql, at: new Date().toISOString(), rows: got.rows.length, more: got.more, took }, ...kept().filter((h) => h.sql !== sql)].slice(0, mostHistory);
      keep(list);
      setPast(list);
    } catch (error) {
      if (busy.current !== control) return;
      setState((s) => (error.name === 'AbortError' ? { ...s, running: false, cancelled: true } : { ...s, running: false, error }));
    } finally {
      if (busy.current === control) busy.current = null;
    }
  }
  const cancel = () => { if (busy.current) busy.current.abort(); };
  const jump = (f) => { const at = offsetOf(text, f.line, f.column); box.current.focus(); box.current.setSelectionRange(at, at); };
  const { got } = state;
  return html`<div class="sql">
    <${Panel} title="SQL" wide note=${t('over tables, views and topics as they are now; in the editor Ctrl+Enter runs it, Tab leaves it', '現在のテーブル、ビュー、トピックに対して実行します。エディターでは Ctrl+Enter で実行、Tab で次へ移動')}
      actions=${html`${state.running ? html`<button type="button" onClick=${cancel}>${t('Cancel', '中止')}</button>` : html`<button type="button" class="main" onClick=${() => run()}>${t('Run', '実行')}</button>`}`}>
      <${Editor} text=${text} set=${set} faults=${check.faults} run=${() => run()} box=${box} />
      <div id="sql-faults" aria-live="polite">${check.faults.length > 0 ? html`<ul class="faults">${check.faults.map((f, i) => html`<li key=${i}><button type="button" class="quiet" onClick=${() => jump(f)}>${f.line}:${f.column}</button> ${f.message}${f.hint ? '; ' + f.hint : ''}${f.class ? html` <small>${f.class}</small>` : ''}</li>`)}</ul>`
        : check.columns ? html`<p class="note columns">${t('gives', '結果の列')} ${check.columns.map((c) => html`<span key=${c.name}><code>${c.name}</code> <small>${c.type}</small> </span>`)}</p>` : ''}</div>
    <//>
    <${Panel} title=${t('Result', '結果')} wide id="result" note=${state.running ? t('running…', '実行中…') : state.cancelled ? t('cancelled', '中止しました') : got ? t(`${number(got.rows.length)}${got.more ? '+' : ''} ${plural(got.rows.length, 'row', 'rows')} in ${seconds(state.took)}`, `${number(got.rows.length)}${got.more ? '+' : ''} 行、${seconds(state.took)}`) : ''}
      actions=${got && html`<button type="button" class="quiet" aria-pressed=${String(drawn)} onClick=${() => setDrawn(!drawn)}>${drawn ? t('Table', '表') : t('Chart', 'グラフ')}</button>`}>
      <${Trouble} error=${state.error} />
      ${got && (drawn ? html`<${Drawn} got=${got} /><div class="foot"><${Question} sql=${state.sql} /><${Downloads} sql=${state.sql} name="query" /></div>` : html`<${Table} key=${state.sql} columns=${got.columns} rows=${got.rows} label=${t('Result', '結果')} sql=${state.sql} name="query" empty=${t('No row.', '行はありません。')} more=${got.more ? html`<span>${t('the first 1,000; the downloads have all', '先頭 1,000 行。ダウンロードは全行')}</span>` : ''} />`)}
      ${!got && !state.error && html`<p class="empty">${t('Nothing was asked yet.', 'まだ実行していません。')}</p>`}
    <//>
    ${past.length > 0 && html`<${Panel} title=${t('History', '履歴')} wide note=${t('of this browser', 'このブラウザの履歴')} actions=${html`<button type="button" class="quiet" onClick=${() => { keep([]); setPast([]); }}>${t('Forget', '消去')}</button>`}>
      <ul class="past">${past.map((h) => html`<li key=${h.at}><button type="button" class="quiet" onClick=${() => { set(h.sql); box.current.focus(); }}><code>${h.sql.replace(/\s+/g, ' ')}</code></button> <small>${number(h.rows)}${h.more ? '+' : ''} ${t(plural(h.rows, 'row', 'rows'), '行')} · ${seconds(h.took)}</small></li>`)}</ul><//>`}
  </div>`;
}

export default { id: 'sql', title: ['SQL', 'SQL'], View: SQL };
