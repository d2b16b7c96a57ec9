// Explain this number: the records behind a row, those that were left out and why, and when it became final.
import { html, use, useEffect, useState } from '../lib/ui.js';
import { get } from '../lib/api.js';
import { useRows } from '../lib/rows.js';
import { t, language, number, plural, seconds, cell, time } from '../lib/words.js';
import { Table } from '../lib/table.js';
import { Num, Question, Downloads, quoted, shellQuoted as argument, inSQL, inAPI } from '../lib/question.js';
import { Grid } from '../lib/grid.js';
import { Panel, Trouble } from '../lib/panel.js';
import { go, to } from '../lib/route.js';
import { names, loadNames, rowKey } from '../lib/names.js';

// explain opens the explanation of a row; column is the one that was chosen. Any view may call it.
export async function explain(table, columns, row, column) {
  await loadNames().catch(() => {});
  go('explain', { table, key: JSON.stringify(rowKey(table, columns, row)), column });
}

const keysOf = (text) => { try { return Object.entries(JSON.parse(text)); } catch { return []; } };

// Choose lets one point at a row.
function Choose({ table }) {
  use(language);
  const all = use(names);
  const tables = all ? all.datasets.filter((d) => d.kind === 'streaming table' || d.kind === 'materialized view') : [];
  const at = table || (tables[0] && tables[0].name);
  return html`<${Panel} title=${t('Which number?', 'どの値を説明しますか')} wide note=${t('Choose a cell: the records behind it are shown.', 'セルを選ぶと、その元になったレコードを表示します。')}
    actions=${html`<label>${t('Table', 'テーブル')} <select value=${at} onChange=${(e) => go('explain', { table: e.target.value })}>${tables.map((d) => html`<option key=${d.name} value=${d.name}>${d.name}</option>`)}</select></label>`}>
    ${at ? html`<${Rows} key=${at} table=${at} />` : html`<p class="empty">${all ? t('The project has no table.', 'プロジェクトにテーブルがありません。') : t('Reading…', '読み込み中…')}</p>`}
  <//>`;
}

// Rows is the rows of a table, to choose a cell of.
function Rows({ table }) {
  use(language);
  const got = useRows('/api/tables/' + encodeURIComponent(table) + '?open=true&limit=200', 3000);
  if (got.loading) return html`<p class="empty">${t('Reading…', '読み込み中…')}</p>`;
  const bare = (all) => all.filter((c, i) => i !== got.open);
  return html`<${Trouble} error=${got.error} />
    <${Table} columns=${got.columns} rows=${got.rows.slice().reverse()} open=${got.open} label=${table} sql=${'SELECT * FROM ' + quoted(table)} name=${table} onCell=${(row, column, cells) => explain(table, bare(got.columns), bare(cells), column)} />`;
}

// countOf asks for the number of rows of a statement, valueOf for one column of its row.
const countOf = (sql) => inSQL('SELECT count(*) AS records FROM (' + sql + ')');
const valueOf = (a, column) => inSQL('SELECT ' + quoted(column) + ' FROM (' + a.query + ')');

// Steps tells how the row came about. What no statement gives, the explanation itself does; api: its path.
function Steps({ a, api }) {
  const w = a.window, inAnswer = (...path) => inAPI(api, path);
  const records = (name) => a[name] && (a[name].query ? countOf(a[name].query) : inAnswer(name, 'count'));
  return html`<ol class="steps">
    <li><b><${Num} ask=${records('events')}>${number(a.events ? a.events.count : 0)}<//></b> ${t(plural(a.events ? a.events.count : 0, 'record was counted', 'records were counted'), '件を集計')}${w ? html`, ${t('of the times', '時刻が')} <code>${w.start}</code> ${t('to', '〜')} <code>${w.end}</code>` : ''}</li>
    <li><b><${Num} ask=${records('leftOut')}>${number(a.leftOut ? a.leftOut.count : 0)}<//></b> ${t('of the same window and keys were left out', '件が同じウィンドウとキーで除外')}</li>
    ${w && (w.final ? html`<li>${t('Final since', '確定')} <code>${w.final}</code>: ${t('the last partition\'s watermark passed the window\'s end then, at', '最後のパーティションのウォーターマークがウィンドウの終わりを越えた時刻。ウォーターマーク')} <code>${w.watermark}</code> ${t(`(the newest event time less ${seconds(w.delaySeconds)})`, `（最新イベント時刻 − ${seconds(w.delaySeconds)}）`)}</li>`
      : html`<li class="open">${a.open ? t('Open: it changes until every partition\'s watermark has reached', '未確定。全パーティションのウォーターマークが次の時刻に達するまで変わります:') : t('Closed while a partition was idle: not every watermark has reached', 'アイドルのパーティションを待たずに確定。次の時刻に達していないパーティションがあります:')} <code>${w.end}</code></li>`)}
    ${(a.steps || []).length > 1 && html`<li>${t('By way of', '途中のテーブル:')} ${a.steps.map((s, i) => html`<span key=${i}>${i ? ', ' : ''}${s.table} (<${Num} ask=${inAnswer('steps', i, 'rows')}>${number(s.rows)}<//>)</span>`)}</li>`}
    ${a.rows > 0 && html`<li>${t('explode made', 'explode が作った行:')} <b><${Num} ask=${inAnswer('rows')}>${number(a.rows)}<//></b> ${t('rows of the records that were counted', '')}</li>`}
    ${(a.aggregates || []).length > 1 && a.aggregates.map((g, i) => html`<li key=${i}><code>${g.text}</code> ${t('took', 'が使った行:')} <${Num} ask=${inAnswer('aggregates', i, 'rows')}>${number(g.rows)}<//>${g.filter ? html` · <code>${g.filter}</code> ${g.place}` : ''}</li>`)}
    ${a.unreadable > 0 && html`<li><${Num} ask=${countOf(a.unreadableQuery)}>${number(a.unreadable)}<//> ${t(plural(a.unreadable, 'record of the topic is invalid: it tells', 'records of the topic are invalid: they tell') + ' neither window nor key.', '件は不正で、ウィンドウもキーもわかりません。')} <${Question} sql=${a.unreadableQuery} /></li>`}
  </ol>`;
}

// Dropped tells which condition has left the row out, with the values that it has seen.
function Dropped({ of, api }) {
  use(language);
  const text = of.failing || of.condition || '';
  return html`<div class="note" role="status"><p><b>${t('The row is not in the table:', 'この行はテーブルにありません:')}</b> <code>${of.clause}${text && ' ' + (text.startsWith(of.clause + ' ') ? text.slice(of.clause.length + 1) : text)}</code> ${t('of', '：')} ${of.table} ${of.place && html`<small>${of.place}</small>`} ${t('leaves it out.', 'により除外されました。')}</p>
    ${of.values.map((v, i) => html`<p key=${i}><code>${v.name}</code> = <${Num} ask=${inAPI(api, ['dropped', 'values', i, 'value'])}>${v.value === null ? 'NULL' : v.value}<//></p>`)}</div>`;
}

// Subquery is the records behind one whose value the row has, or by which it was chosen.
function Subquery({ of, name }) {
  use(language);
  const title = t('The records behind a subquery', 'サブクエリの元になったレコード');
  return html`<${Panel} title=${title} wide note=${number(of.events ? of.events.count : 0) + (of.events && of.events.count > of.events.rows.length ? t(`, the first ${of.events.rows.length} shown`, `（先頭 ${of.events.rows.length} 件）`) : '')}>
    <p><code>${of.text}</code> ${of.place && html`<small>${of.place}</small>`}</p>
    ${of.note && html`<p class="note">${of.note}</p>`}
    ${of.events && html`<${Table} columns=${of.events.columns} rows=${of.events.rows} label=${title} sql=${of.events.query} name=${name} empty=${t('No record is behind it: it gives no row.', '元になったレコードはありません（行がありません）。')} />`}<//>`;
}

function Partitions({ w }) {
  use(language);
  const columns = [
    { name: 'topic', title: t('Topic', 'トピック'), of: (p) => p.topic },
    { name: 'partition', title: t('Partition', 'パーティション'), num: true, of: (p) => p.partition },
    { name: 'offset', title: t('Offset', 'オフセット'), num: true, of: (p) => (p.offset < 0 ? null : p.offset), draw: (p) => (p.offset < 0 ? t('none yet', 'まだなし') : html`<a href=${to('topics', { topic: p.topic, partition: p.partition, offset: p.offset })}>${number(p.offset)}</a>`) },
    { name: 'eventTime', title: t('Event time', 'イベント時刻'), of: (p) => p.eventTime, draw: (p) => moment(p.eventTime) },
    { name: 'appended', title: t('Appended', '追加時刻'), of: (p) => p.appended, ask: (p) => ask(p, 'timestamp'), draw: (p) => moment(p.appended) },
    { name: 'watermark', title: t('Watermark', 'ウォーターマーク'), of: (p) => p.watermark, draw: (p) => moment(p.watermark) },
  ];
  const moment = (text) => (text ? cell(text, 'timestamp') : '–'), ask = (p, name, unit) => p.query && inSQL('SELECT ' + quoted(name) + ' FROM (' + p.query + ')', unit);
  return html`<${Panel} title=${t('What made it final', '確定させたレコード')} note=${t('the record of each partition by which its watermark passed the end of the window', '各パーティションで、ウォーターマークがウィンドウの終わりを越えたレコード')}>
    ${w.note && html`<p class="note">${w.note}</p>`}
    <${Grid} columns=${columns} rows=${w.partitions} keyOf=${(p) => p.topic + '/' + p.partition} label=${t('Watermarks', 'ウォーターマーク')} name=${w.table + '-final'} foot=${w.partitions.filter((p) => p.query).slice(0, 1).map((p) => html`<${Question} sql=${p.query} />`)} />
  <//>`;
}

function Explained({ table, keys, column }) {
  use(language);
  const [got, set] = useState({});
  const path = '/api/explain/' + encodeURIComponent(table) + '?' + keys.map(([k, v]) => 'key=' + encodeURIComponent(k + '=' + v)).join('&');
  useEffect(() => {
    const busy = new AbortController();
    set({ loading: true });
    get(path, { signal: busy.signal }).then((a) => set({ a }), (error) => { if (error.name !== 'AbortError') set({ error }); });
    return () => busy.abort();
  }, [path]);
  const a = got.a;
  const command = 'nagare explain ' + argument(table) + ' ' + keys.map(([k, v]) => argument(k + '=' + v)).join(' ');
  const value = a && column ? a.row[a.columns.findIndex((c) => c.name === column)] : undefined;
  const type = a && column ? (a.columns.find((c) => c.name === column) || {}).type : '';
  return html`<div class="explain">
    <${Panel} title=${column && value !== undefined ? html`${column} = <${Num} ask=${valueOf(a, column)}>${cell(value, type)}<//>` : table} label=${column || table} wide note=${table + ' · ' + keys.map(([k, v]) => k + ' ' + cell(v, /^\d{4}-\d\d-\d\dT/.test(v) ? 'timestamp' : '')).join(' · ')}
      actions=${html`<a href=${to('explain', { table })}>${t('another row', '別の行')}</a>`}>
      <${Trouble} error=${got.error} />
      ${got.loading && html`<p class="empty" role="status">${t('Reading the records behind it…', '元のレコードを読んでいます…')}</p>`}
      ${a && a.dropped && html`<${Dropped} of=${a.dropped} api=${path} />`}
      ${a && html`<${Steps} a=${a} api=${path} />`}
      ${a && a.note && html`<p class="note">${a.note}</p>`}
      ${a && html`<div class="scroll" tabindex="0" role="region" aria-label=${t('the row', '行')}><table><thead><tr>${a.columns.map((c) => html`<th key=${c.name} scope="col">${c.name}</th>`)}</tr></thead>
        <tbody><tr class=${a.open ? 'open' : ''}>${a.row.map((v, i) => html`<td key=${i} class=${a.columns[i].name === column ? 'chosen' : ''}><${Num} ask=${a.dropped ? inAPI(path, ['row', i]) : valueOf(a, a.columns[i].name)}>${cell(v, a.columns[i].type)}<//></td>`)}</tr></tbody></table></div>
      <div class="foot"><${Question} sql=${a.query} /><a href=${path}><code>${command}</code></a><${Downloads} sql=${a.query} name=${table} /></div>`}
    <//>
    ${a && a.events && html`<${Panel} title=${t('The records behind it', '元になったレコード')} wide note=${number(a.events.count) + (a.events.count > a.events.rows.length ? t(`, the first ${a.events.rows.length} shown`, `（先頭 ${a.events.rows.length} 件）`) : '')}>
      <${Table} columns=${a.events.columns} rows=${a.events.rows} label=${t('The records behind it', '元になったレコード')} sql=${a.events.query} name=${table + '-records'} /><//>`}
    ${a && a.leftOut && html`<${Panel} title=${t('Left out, and why', '除外されたレコードと理由')} wide note=${number(a.leftOut.count)}>
      <${Table} columns=${a.leftOut.columns} rows=${a.leftOut.rows} label=${t('Left out', '除外')} sql=${a.leftOut.query} name=${table + '-left-out'} empty=${t('Nothing was left out.', '除外はありません。')} /><//>`}
    ${a && (a.subqueries || []).map((s, i) => html`<${Subquery} key=${i} of=${s} name=${table + '-subquery-' + (i + 1)} />`)}
    ${a && a.window && a.window.partitions.length > 0 && html`<${Partitions} w=${a.window} />`}
  </div>`;
}

function Explain({ params }) {
  use(names);
  const [error, setError] = useState(null);
  useEffect(() => { loadNames().catch(setError); }, []);
  const keys = params.key ? keysOf(params.key) : [];
  if (error) return html`<${Trouble} error=${error} />`;
  return params.table && keys.length ? html`<${Explained} table=${params.table} keys=${keys} column=${params.column} />` : html`<${Choose} table=${params.table} />`;
}

export default { id: 'explain', title: ['Explain', '値の由来'], View: Explain };
