// What the pipeline gives, made from the project's tables and views, and whether all is well.
import { html, use, useEffect, useMemo, useState } from '../lib/ui.js';
import { get } from '../lib/api.js';
import { useRows, useWindows } from '../lib/rows.js';
import { t, language, number, short, seconds, time, title, cell, isNumeric } from '../lib/words.js';
import { status, history, own } from '../lib/live.js';
import { Chart, Spark } from '../lib/chart.js';
import { Table } from '../lib/table.js';
import { Num, Question, Command, Downloads, quoted, equals, literal, shellQuoted, inSQL, inStatus, inAPI, every } from '../lib/question.js';
import { Saves } from '../lib/save.js';
import { Panel, Trouble } from '../lib/panel.js';
import { to } from '../lib/route.js';
import { views } from './index.js';
import { explain } from './explain.js';

const link = (view, otherwise) => (views.some((v) => v.id === view) ? to(view) : otherwise);

// Tile is a number with what it is, the question that gives it, and where more of it stands.
function Tile({ name, value, unit, ask, below, href, kind, children }) {
  return html`<div class=${'tile ' + (kind || '')}><a class="name" href=${href}>${name}</a><span class="value"><${Num} ask=${ask}>${value}<//>${unit && html` <small>${unit}</small>`}</span>
    <span class="below">${below}</span>${children}</div>`;
}

// ofLedger is how many rows of all topics had an outcome, and ofLatency how long rows take to the sinks.
const ofLedger = (outcome) => inStatus(['engine', 'ledger', 'topics', every, outcome], '', { op: 'add' });
const ofLatency = () => ({ command: 'nagare top', api: '/api/monitor', note: t('Of the last second, the slowest of the sinks: the difference of two looks at the counts of each sink.', '直近 1 秒、最も遅いシンクの値。各シンクの度数を 2 回見た差です。') });

function Tiles() {
  const s = use(status), past = use(history);
  use(language);
  if (!s) return html`<div class="tiles" aria-busy="true"></div>`;
  const last = past[past.length - 1] || {}, recent = past.slice(-60);
  const newest = (name) => { for (let i = recent.length - 1; i >= 0; i--) if (recent[i][name] !== null) return recent[i][name]; return null; };
  const l = Object.values(s.engine.ledger.topics || {}).reduce((a, c) => {
    for (const k of ['read', 'counted', 'late', 'future', 'invalid', 'duplicate', 'filtered']) a[k] = (a[k] || 0) + c[k];
    a.in_flight = (a.in_flight || 0) + (c.in_flight || 0);
    return a;
  }, {});
  const out = [['late', t('late', '遅延')], ['future', t('future', '未来')], ['invalid', t('invalid', '不正')], ['duplicate', t('duplicate', '重複')], ['filtered', t('filtered', '除外')], ['in_flight', t('in flight', '処理中')]]
    .filter(([k]) => l[k]);
  const behind = last.lag > 0 ? html`<${Num} ask=${inStatus(['engine', 'partitions', { topic: { not: own } }, 'lag'], '', { op: 'add' })}>${number(last.lag)}<//>${t(' waiting', ' 件待ち')}` : t('caught up', '追いついています');
  return html`<div class="tiles">
    <${Tile} name=${t('Throughput', 'スループット')} value=${short(s.rates.processed)} ask=${inStatus(['rates', 'processed'])} unit=${t('events/s', '件/秒')} below=${behind} href=${link('streaming', '/api/progress')}>
      <${Spark} values=${recent.map((p) => p.processed)} label=${t('events per second of the last minute', '直近 1 分の毎秒件数')} /><//>
    <${Tile} name=${t('Latency, record to sink', 'レイテンシ（到着から出力まで）')} value=${seconds(newest('p50'))} ask=${ofLatency()} unit=${t('median', '中央値')} below=${html`p99 <${Num} ask=${ofLatency()}>${seconds(newest('p99'))}<//>`} href=${link('streaming', '/api/monitor')}>
      <${Spark} values=${recent.map((p) => p.p99)} label=${t('99th percentile of the last minute', '直近 1 分の p99')} /><//>
    <${Tile} name=${t('Watermark', 'ウォーターマーク')} value=${time(s.engine.watermark, s.time)} ask=${inStatus(['engine', 'watermark'], 'time')} below=${last.gap === null || last.gap === undefined ? t('no event yet', 'まだイベントなし') : html`<${Num} ask=${inAPI('/api/watermarks', ['partitions', every, 'eventTime'], 'time', { note: t("The newest event of the project's topics, less the watermark.", 'プロジェクトのトピックの最新イベントとウォーターマークの差です。'), op: 'max' })}>${seconds(last.gap)}<//>${t(' behind the newest event', ' 最新イベントより後ろ')}`} href=${link('watermarks', '/api/watermarks')} />
    <${Tile} name=${t('Ledger', '台帳')} value=${number(l.read || 0)} ask=${ofLedger('read')} unit=${t('read', '件受信')} kind=${s.imbalance ? 'bad' : 'good'} href=${link('health', '/api/ledger')}
      below=${s.imbalance ? number(s.imbalance) + t(' rows are unaccounted for', ' 件の行方が不明です') : html`= ${[['counted', t('counted', '集計')], ...out].map(([k, word], i) => html`<span key=${k}>${i ? ' + ' : ''}<${Num} ask=${ofLedger(k)}>${number(l[k] || 0)}<//> ${word}</span>`)}`} />
  </div>`;
}

const troubled = ['falling behind', 'recovering', 'degraded', 'stuck', 'failed'];

// Attention is what somebody should look at: parts in trouble, alerts that fire, rows that tables are without.
function Attention() {
  const s = use(status);
  use(language);
  if (!s) return null;
  const items = [];
  if (s.imbalance) items.push({ kind: 'bad', text: t('The ledger does not add up: ', '台帳が合いません: ') + number(s.imbalance), href: link('health', '/api/ledger') });
  for (const h of s.health || []) if (troubled.includes(h.state)) items.push({ kind: h.state === 'recovering' ? 'warn' : 'bad', text: h.part + ': ' + h.state + (h.reason ? ': ' + h.reason : ''), href: link('health', '/-/healthy') });
  const firing = s.alerts.filter((a) => a.state === 'firing');
  const rank = { critical: 0, warning: 1, info: 2 };
  firing.sort((a, b) => (rank[a.severity] ?? 1) - (rank[b.severity] ?? 1));
  for (const a of firing.slice(0, 6)) items.push({ kind: a.severity === 'critical' ? 'bad' : a.severity === 'info' ? 'info' : 'warn', text: a.summary, since: a.firedAt, href: link('alerts', '/api/alerts') });
  if (firing.length > 6) items.push({ kind: 'info', text: number(firing.length - 6) + t(' more alerts fire', ' 件のアラートが他に発生中'), href: link('alerts', '/api/alerts') });
  for (const l of s.leftOut) items.push({ kind: 'warn', text: l.table + t(' is without', ' に入らなかった行'), counts: [['late', l.late], ['future', l.future], ['invalid', l.invalid]].filter(([, n]) => n).map(([w, n]) => [w, n, inStatus(['engine', 'ledger', 'tables', l.table, l.topic, w])]), href: link('topics', '/api/ledger') });
  return html`<${Panel} title=${t('What needs attention', '要確認')} id="attention">
    ${items.length === 0 ? html`<p class="calm">${t('Nothing. All parts keep up, no alert fires, every row is accounted for.', 'ありません。すべて追従中、アラートなし、全行の行方が確認できています。')}</p>`
    : html`<ul class="attention">${items.map((i, k) => html`<li key=${k} class=${i.kind}><a href=${i.href}>${i.text}</a>${(i.counts || []).map(([w, n, ask]) => html`<span key=${w}> <${Num} ask=${ask}>${number(n)}<//> ${w}</span>`)}${i.since && html` <small>${time(i.since, s.time)}</small>`}</li>`)}</ul>`}
  <//>`;
}

const headOf = (c) => c.title || c.note || title(c.from);
const secondsOf = (text) => Date.parse(text && text[0] === '{' ? JSON.parse(text).start : text) / 1000;
const mostLines = 8, mostOfTable = 300;

// fold puts rows of windows into lines: one a value of the group columns chosen.
function fold(got, chart, value, groups) {
  const at = (name) => got.columns.findIndex((c) => c.name === name);
  const timeAt = at(chart.time), valueAt = at(value.column), groupAt = groups.map(at);
  const lines = new Map(), times = new Map(), texts = new Map(), cells = new Map();
  if (timeAt < 0 || valueAt < 0) return { times: [], series: [] };
  for (const row of got.rows) {
    if (row[valueAt] === null) continue;
    const s = secondsOf(row[timeAt]), open = got.open >= 0 && row[got.open] === 'true', name = groupAt.map((i) => row[i] ?? 'NULL').join(' · ') || value.column;
    times.set(s, times.get(s) || open);
    texts.set(s, row[timeAt]);
    if (!lines.has(name)) { lines.set(name, new Map()); cells.set(name, groupAt.map((i) => row[i])); }
    const line = lines.get(name), v = Number(row[valueAt]), before = line.get(s);
    line.set(s, before === undefined ? v : value.fold === 'min' ? Math.min(before, v) : value.fold === 'max' ? Math.max(before, v) : before + v);
  }
  const sorted = [...times.keys()].sort((a, b) => a - b);
  const size = (line) => { let n = 0; for (const v of line.values()) n += Math.abs(v); return n; };
  const names = [...lines.keys()].sort((a, b) => (lines.size > mostLines ? size(lines.get(b)) - size(lines.get(a)) : a < b ? -1 : 1));
  const shown = names.slice(0, mostLines), lastFinal = sorted.findLastIndex((s) => !times.get(s)), series = [];
  shown.forEach((name, hue) => {
    const all = sorted.map((s) => lines.get(name).get(s) ?? null);
    const ask = (i) => inSQL(pointOf(chart, value, groups, texts.get(sorted[i]), cells.get(name), times.get(sorted[i]), lineOf(got)));
    series.push({ label: name, hue, ask, values: all.map((v, i) => (i <= lastFinal ? v : null)) });
    if (lastFinal < sorted.length - 1) series.push({ label: name, hue, ask, open: true, values: all.map((v, i) => (i >= lastFinal ? v : null)) });
  });
  return { times: sorted, series, left: names.length - shown.length };
}

// lineOf gives the type of a column of rows.
const lineOf = (got) => (name) => (got.columns.find((c) => c.name === name) || { type: 'string' }).type;

// pointOf is the statement that gives one value of a line.
function pointOf(chart, value, groups, at, cells, open, typeOf) {
  const column = quoted(value.column), where = [equals(chart.time, at, typeOf(chart.time)), ...groups.map((g, i) => equals(g, cells[i], typeOf(g)))].join(' AND ');
  const whole = !value.fold || groups.length === (chart.groups || []).length;
  return 'SELECT ' + (whole ? column : value.fold + '(' + column + ') AS ' + column) + ' FROM ' + quoted(chart.from + (open ? '$open' : '')) + ' WHERE ' + where;
}

// TimePanel draws a value of a table of windows by some of its group columns.
function TimePanel({ chart }) {
  use(language);
  const groups = chart.groups || [];
  const [pick, setPick] = useState({ value: Math.max(0, chart.values.findIndex((v) => v.column === chart.value)), by: (chart.by || []).join() || null, table: false });
  const value = chart.values[pick.value];
  const choices = value.fold && groups.length > 1 ? [...groups.map((g) => [g]), groups] : [groups];
  if (chart.by && value.fold && !choices.some((c) => c.join() === chart.by.join())) choices.push(chart.by);
  const by = choices.find((c) => c.join() === pick.by) || choices[0];
  const timeAt = chart.columns.findIndex((c) => c.name === chart.time);
  const got = useWindows(chart.from, (row) => row[timeAt]);
  const drawn = useMemo(() => fold(got, chart, value, by), [got.rows, value, by.join()]);
  const names = [chart.time, ...by].map(quoted).join(', '), column = quoted(value.column), less = by.length < groups.length;
  const both = (columns, where = '') => 'SELECT ' + columns + ' FROM ' + quoted(chart.from) + where + ' UNION ALL SELECT ' + columns + ' FROM ' + quoted(chart.from + '$open') + where;
  const sql = less ? 'SELECT ' + names + ', ' + value.fold + '(' + column + ') AS ' + column + ' FROM (' + both([chart.time, ...groups, value.column].map(quoted).join(', ')) + ') GROUP BY ' + names + ' ORDER BY ' + names
    : 'SELECT * FROM (' + both(names + ', ' + column) + ') ORDER BY ' + names;
  // The table shows whole windows: its question names the first of them.
  const first = got.rows.length > mostOfTable ? got.rows.findIndex((r, i) => i >= got.rows.length - mostOfTable && r[timeAt] !== got.rows[i - 1][timeAt]) : 0;
  const newest = got.rows.slice(first < 0 ? got.rows.length - mostOfTable : first).reverse(), type = lineOf(got)(chart.time), start = newest.length ? newest[newest.length - 1][timeAt] : null;
  const since = first > 0 && !/^struct/.test(type) ? ' WHERE ' + quoted(chart.time) + ' >= ' + literal(start, type) : '';
  const rowsSQL = 'SELECT * FROM (' + both('*', since) + ') ORDER BY ' + [chart.time, ...groups].map((g) => quoted(g) + ' DESC').join(', ');
  const id = 'chart-' + chart.name;
  return html`<${Panel} title=${headOf(chart)} id=${id} note=${html`${title(value.column)}${by.length ? t(' by ', '：') + by.join(', ') : ''}${drawn.left > 0 ? t(`; the ${mostLines} largest of ${drawn.left + mostLines}`, `（上位 ${mostLines} / ${drawn.left + mostLines}）`) : ''}`}
    actions=${html`
      ${chart.values.length > 1 && html`<label><span class="hidden">${t('Value', '値')}</span><select value=${pick.value} onChange=${(e) => setPick({ ...pick, value: Number(e.target.value) })}>${chart.values.map((v, i) => html`<option key=${v.column} value=${i}>${v.column}</option>`)}</select></label>`}
      ${choices.length > 1 && html`<label><span class="hidden">${t('By', '分類')}</span><select value=${by.join()} onChange=${(e) => setPick({ ...pick, by: e.target.value })}>${choices.map((g) => html`<option key=${g.join()} value=${g.join()}>${g.join(' × ')}</option>`)}</select></label>`}
      <button type="button" class="quiet" aria-pressed=${String(pick.table)} onClick=${() => setPick({ ...pick, table: !pick.table })}>${pick.table ? t('Chart', 'グラフ') : t('Table', '表')}</button>`}>
    <${Trouble} error=${got.error} />
    ${pick.table ? html`<${Table} columns=${got.columns} rows=${newest} open=${got.open} label=${headOf(chart)} sql=${rowsSQL} name=${chart.from} onCell=${(row, column, cells) => explain(chart.from, got.columns, cells, column)} />`
    : html`${drawn.times.length ? html`<${Chart} times=${drawn.times} series=${drawn.series} height=${200} sync="overview" label=${headOf(chart) + ', ' + value.column} />` : html`<p class="empty">${got.loading ? t('Reading…', '読み込み中…') : t('No window yet.', 'まだウィンドウがありません。')}</p>`}
      <div class="foot"><${Question} sql=${sql} /><${Downloads} sql=${sql} name=${chart.from} /></div>`}
  <//>`;
}

// RankedPanel shows the newest group of a ranked view by place.
function RankedPanel({ chart }) {
  use(language);
  const got = useRows('/api/tables/' + encodeURIComponent(chart.from) + '?open=true&limit=500', 3000);
  const rankAt = got.columns.findIndex((c) => c.name === chart.rank), timeAt = got.columns.findIndex((c) => c.name === chart.time);
  const newest = timeAt < 0 ? null : got.rows.reduce((a, r) => (a === null || r[timeAt] > a ? r[timeAt] : a), null);
  const rows = rankAt < 0 ? got.rows : got.rows.filter((r) => newest === null || r[timeAt] === newest).sort((a, b) => Number(a[rankAt]) - Number(b[rankAt])).slice(0, 20);
  const order = [rankAt, ...got.columns.map((c, i) => i).filter((i) => i !== rankAt)];
  const columns = rankAt < 0 ? got.columns : order.map((i) => got.columns[i]), shown = rankAt < 0 ? rows : rows.map((r) => order.map((i) => r[i]));
  const sql = 'SELECT * FROM ' + quoted(chart.from + '$open') + (newest ? ' WHERE ' + equals(chart.time, newest, got.columns[timeAt].type) : '') + ' ORDER BY ' + quoted(chart.rank);
  return html`<${Panel} title=${headOf(chart)} id=${'chart-' + chart.name} note=${newest ? t('From ', '開始 ') + cell(newest, 'timestamp') + t(', as if its window were over', '、現時点の順位') : ''}>
    <${Trouble} error=${got.error} />
    <${Table} columns=${columns} rows=${shown} label=${headOf(chart)} sql=${sql} name=${chart.from} hide=${chart.time ? [chart.time, chart.end] : []} onCell=${(row, column, cells) => explain(chart.from, columns, cells, column)} />
  <//>`;
}

// RowsPanel shows rows as they come, the newest first.
function RowsPanel({ chart }) {
  use(language);
  const path = '/api/tables/' + encodeURIComponent(chart.from), view = chart.kind === 'table';
  const got = useRows(path + (view ? '?open=true&limit=200' : '?limit=60'), view ? 3000 : 1000);
  const sql = 'SELECT * FROM ' + quoted(chart.from + (view ? '$open' : ''));
  const timeAt = got.columns.findIndex((c) => c.name === chart.time);
  const rows = useMemo(() => (view ? got.rows : timeAt < 0 ? [...got.rows].reverse() : [...got.rows].sort((a, b) => (a[timeAt] < b[timeAt] ? 1 : -1))), [got.rows]);
  return html`<${Panel} title=${headOf(chart)} id=${'chart-' + chart.name} wide=${chart.columns.length > 6} note=${view ? '' : t('As they come, the newest first', '到着順（新しいものが上）')}>
    <${Trouble} error=${got.error} />
    <${Table} columns=${got.columns} rows=${rows} open=${got.open} label=${headOf(chart)} sql=${sql} name=${chart.from} onCell=${(row, column, cells) => explain(chart.from, got.columns, cells, column)}
      more=${view ? '' : html`<${Command} command=${'nagare tail ' + shellQuoted(chart.from) + ' -n 60'} href=${path + '?limit=60'} />`} />
  <//>`;
}

const newestRows = 1000;

// inJSON is the text of a cell as the value that JSON has of it.
const inJSON = (text, type) => (text === null || type === 'string' ? text : type === 'boolean' ? text === 'true' : isNumeric(type) ? Number(text) : text);

// BarsPanel shows the average of a value by groups, over the newest rows.
function BarsPanel({ chart }) {
  use(language);
  const path = '/api/tables/' + encodeURIComponent(chart.from);
  const got = useRows(path + '?limit=' + newestRows, 5000);
  const bars = useMemo(() => {
    const at = (name) => got.columns.findIndex((c) => c.name === name), by = chart.by.map(at), of = at(chart.value), groups = new Map();
    for (const row of got.rows) {
      if (of < 0 || row[of] === null) continue;
      const name = by.map((i) => row[i] ?? 'NULL').join(' · '), g = groups.get(name) || { name, sum: 0, n: 0, of: Object.fromEntries(by.map((i) => [got.columns[i].name, inJSON(row[i], got.columns[i].type)])) };
      g.sum += Number(row[of]); g.n++;
      groups.set(name, g);
    }
    return [...groups.values()].map((g) => ({ ...g, mean: g.sum / g.n })).sort((a, b) => b.mean - a.mean).slice(0, 12);
  }, [got.rows]);
  const most = Math.max(...bars.map((b) => Math.abs(b.mean)), 1e-9);
  // The newest rows are those that came last, which no column tells: the API is the question.
  const from = path + '?limit=' + newestRows, ask = (b, op) => inAPI(from, [b.of, chart.value], '', { op });
  return html`<${Panel} title=${headOf(chart)} id=${'chart-' + chart.name} note=${t('Average of ', '平均：') + chart.value + t(' by ', '、分類：') + chart.by.join(', ') + t(`, over the newest ${number(newestRows)} rows`, `（最新 ${number(newestRows)} 行）`)}>
    <${Trouble} error=${got.error} />
    ${bars.length === 0 ? html`<p class="empty">${got.loading ? t('Reading…', '読み込み中…') : t('No rows yet.', 'まだ行がありません。')}</p>` : html`<table class="bars"><thead class="hidden"><tr><th scope="col">${chart.by.join(', ')}</th><th scope="col">${chart.value}</th><th scope="col">${t('rows', '行数')}</th></tr></thead><tbody>
      ${bars.map((b, i) => html`<tr key=${b.name}><th scope="row">${b.name}</th><td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class=${'f' + (i % 8 + 1)} width=${100 * Math.abs(b.mean) / most} height="10" rx="1" /></svg></td><td class="num"><${Num} ask=${ask(b, 'mean')}>${number(b.mean, b.mean < 100 ? 2 : 0)}<//></td><td class="num faint"><${Num} ask=${ask(b, 'count')}>${number(b.n)}<//> ${t('rows', '行')}</td></tr>`)}
    </tbody></table>`}
    <div class="foot"><${Command} command=${'curl -s ' + location.origin + from} href=${from} /><${Saves} name=${chart.name} columns=${[...chart.by, chart.value, 'rows']} rows=${bars.map((b) => [...chart.by.map((c) => b.of[c]), b.mean, b.n])} /></div>
  <//>`;
}

const panels = { bars: BarsPanel, time: TimePanel, ranked: RankedPanel, rows: RowsPanel, table: RowsPanel };

// What there is to show is asked for before the page is drawn; it stays as it is while the process runs.
let asked = get('/api/page');
asked.catch(() => {});

function View() {
  use(language);
  const [page, setPage] = useState(null), [error, setError] = useState(null);
  useEffect(() => { asked.then(setPage, (e) => { setError(e); asked = get('/api/page'); asked.catch(() => {}); }); }, []);
  return html`<h1 class="hidden">${t('Overview', '概要')}</h1><${Tiles} /><${Trouble} error=${error} />
    <div class="grid"><${Attention} />${page && page.charts.map((c) => html`<${panels[c.kind] || RowsPanel} key=${c.name} chart=${c} />`)}</div>`;
}

export default { id: 'overview', title: ['Overview', '概要'], View };
