// Each streaming table in the names of Spark's Structured Streaming UI, over the last minutes.
import { html, use, useMemo, useRef, useState } from '../lib/ui.js';
import { t, language, number, short, seconds, bytes, time } from '../lib/words.js';
import { status, own } from '../lib/live.js';
import { usePoll } from '../lib/poll.js';
import { Chart, Spark } from '../lib/chart.js';
import { Grid, Pill, Bar } from '../lib/grid.js';
import { Num, Question, Command, inSQL, inStatus, sqlText } from '../lib/question.js';
import { Saves } from '../lib/save.js';
import { Panel, Trouble } from '../lib/panel.js';
import { to } from '../lib/route.js';

const span = 15 * 60_000; // of /api/progress/history
const gapAfter = 5000;    // a pause in the records longer than this is drawn as one
const isOwn = (topic) => own.includes(topic);

// join puts what came since behind what was there.
function join(answer, before) {
  const old = new Map(((before && before.series) || []).map((s) => [s.kind + '/' + s.name, s]));
  for (const s of answer.series) {
    const had = old.get(s.kind + '/' + s.name);
    if (!had) continue;
    const last = had.timestamp.at(-1) ?? 0, from = s.timestamp.findIndex((x) => x > last);
    const cut = had.timestamp.findIndex((x) => x >= answer.now - span);
    for (const [name, values] of Object.entries(had)) {
      if (Array.isArray(values)) s[name] = [...(cut < 0 ? [] : values.slice(cut)), ...(from < 0 ? [] : (s[name] || []).slice(from))];
    }
  }
  return answer;
}

// spread is a series with a hole where nothing was recorded, for charts.
function spread(s) {
  const times = [], columns = {};
  const names = Object.keys(s).filter((n) => Array.isArray(s[n]) && n !== 'timestamp');
  for (const n of names) columns[n] = [];
  s.timestamp.forEach((at, i) => {
    if (i > 0 && at - s.timestamp[i - 1] > gapAfter) {
      times.push((s.timestamp[i - 1] + 1000) / 1000);
      for (const n of names) columns[n].push(null);
    }
    times.push(at / 1000);
    for (const n of names) columns[n].push(s[n][i] ?? null);
  });
  return { times, ...columns };
}

const rank = ['idle', 'keeping up', 'starting', 'recovering', 'falling behind', 'degraded', 'stuck', 'failed'];

// healthOf is the worst of the sources that a table reads.
function healthOf(s, topics) {
  const of = (s.health || []).filter((h) => topics.includes(h.part.replace(/^source\//, '')) && h.part.startsWith('source/'));
  return of.sort((a, b) => rank.indexOf(b.state) - rank.indexOf(a.state))[0] || { state: 'starting' };
}

const topicsOf = (s, table) => Object.keys((s.engine.ledger.tables || {})[table] || {}).filter((n) => (s.engine.ledger.topics || {})[n] || isOwn(n));
const last = (values) => (values && values.length ? values.at(-1) : null);
const recent = (values, n = 30) => { const of = values.slice(-n).filter((v) => v !== null); return of.length ? of.reduce((a, b) => a + b, 0) / of.length : null; };

// slopeText says what a lag does.
function slopeText(slope, lag) {
  if (slope === null) return t('not known yet', 'まだ不明');
  const flat = Math.abs(slope) < Math.max(1, 0.002 * (lag || 0));
  if (flat) return lag > 0 ? t('lag steady', '遅れは一定') : t('no lag', '遅れなし');
  return slope > 0 ? t(`lag grows by ${short(slope)} records/s`, `遅れが毎秒 ${short(slope)} 件増加`) : t(`lag shrinks by ${short(-slope)} records/s`, `遅れが毎秒 ${short(-slope)} 件減少`)
    + (lag > 0 ? t(`, none left in ${seconds(lag / -slope)}`, `（${seconds(lag / -slope)}で解消）`) : '');
}

// field is a field of the records of pipeline-metrics as a number, and records those of one table or source between two
// times (ms, both included; a record's own time has µs).
const field = (name) => `CAST(get_json_object(CAST(value AS STRING), '$.${name}') AS DOUBLE)`;
const records = (of, from, until) => " FROM `pipeline-metrics` WHERE CAST(key AS STRING) = " + sqlText(of.kind + '/' + of.name)
  + ' AND timestamp >= ' + moment(from) + ' AND timestamp < ' + moment(until + 1);
const moment = (ms) => "TIMESTAMP '" + new Date(Math.round(ms)).toISOString() + "'";
const fields = { batchDuration: field('batchDuration'), walCommit: field('durationMs.walCommit'), pause: field('durationMs.pause'), numRowsTotal: field('stateOperators[0].numRowsTotal'),
  memoryUsedBytes: field('stateOperators[0].memoryUsedBytes'), numRowsDroppedByWatermark: field('stateOperators[0].numRowsDroppedByWatermark'),
  watermarkGap: "(unix_millis(to_timestamp(get_json_object(CAST(value AS STRING), '$.timestamp'))) - unix_millis(to_timestamp(get_json_object(CAST(value AS STRING), '$.eventTime.watermark')))) / 1000" };
const fieldOf = (name) => fields[name] || field(name);
const unitOf = { batchDuration: 'ms', walCommit: 'ms', pause: 'ms', memoryUsedBytes: 'B', watermarkGap: 's' };

// newest asks for a field of the newest record, average for its mean over the newest n.
const newest = (of, name) => inSQL('SELECT ' + fieldOf(name) + ' AS ' + name + records(of, of.timestamp.at(-1), of.timestamp.at(-1)), unitOf[name]);
const average = (of, name, n) => inSQL('SELECT avg(' + fieldOf(name) + ') AS ' + name + records(of, of.timestamp.at(-n) ?? of.timestamp[0], of.timestamp.at(-1)), unitOf[name]);

// slopeOf asks for the growth of the lag over the last 30 seconds, by least squares.
const slopeOf = (of) => inSQL('SELECT round(covar_pop(lag, at) / var_pop(at), 2) AS lagSlope FROM (SELECT ' + field('lagRecords') + " AS lag, unix_millis(to_timestamp(get_json_object(CAST(value AS STRING), '$.timestamp'))) / 1000 - "
  + Math.floor(of.timestamp.at(-1) / 1000) + ' AS at' + records(of, of.timestamp.at(-1) - 30_000, of.timestamp.at(-1)) + ')');

// columnsOf is the columns of a series.
const columnsOf = (of) => Object.keys(of).filter((n) => Array.isArray(of[n]));

function Tables({ all, s, at }) {
  const rows = all.filter((x) => x.kind === 'table');
  const of = (x) => healthOf(s, topicsOf(s, x.name));
  const columns = [
    { name: 'name', title: t('Name', '名前'), of: (x) => x.name, draw: (x) => html`<a href=${to('streaming', { table: x.name })} aria-current=${x.name === at ? 'true' : null}>${x.name}</a>` },
    { name: 'state', title: t('State', '状態'), of: (x) => of(x).state, draw: (x) => html`<${Pill} state=${of(x).state} />` },
    { name: 'inputRowsPerSecond', title: t('Input /s', '入力 /秒'), num: true, of: (x) => last(x.inputRowsPerSecond), ask: (x) => average(x, 'inputRowsPerSecond', 10), draw: (x) => number(recent(x.inputRowsPerSecond, 10), 1) },
    { name: 'processedRowsPerSecond', title: t('Process /s', '処理 /秒'), num: true, of: (x) => last(x.processedRowsPerSecond), ask: (x) => average(x, 'processedRowsPerSecond', 10), draw: (x) => number(recent(x.processedRowsPerSecond, 10), 1) },
    { name: 'rate', title: t('Last 2 min', '直近 2 分'), of: (x) => x.processedRowsPerSecond.slice(-120).join(' '), draw: (x) => html`<span class="inset"><${Spark} values=${x.processedRowsPerSecond.slice(-120)} label=${t('process rate of the last 2 minutes', '直近 2 分の処理レート')} /></span>` },
    { name: 'lagRecords', title: t('Lag', '遅れ (件)'), num: true, of: (x) => last(x.lagRecords), ask: (x) => newest(x, 'lagRecords'), draw: (x) => number(last(x.lagRecords)) },
    { name: 'lagSlope', title: t('Slope', '傾き (件/秒)'), num: true, of: (x) => x.lagSlope, ask: slopeOf, draw: (x) => (x.lagSlope === null ? '–' : (x.lagSlope > 0 ? '+' : '') + short(x.lagSlope) + '/s') },
    { name: 'watermarkGap', title: t('Watermark gap', 'ウォーターマーク差'), num: true, of: (x) => last(x.watermarkGap), ask: (x) => newest(x, 'watermarkGap'), draw: (x) => seconds(last(x.watermarkGap)) },
    { name: 'numRowsTotal', title: t('State rows', '状態行数'), num: true, of: (x) => last(x.numRowsTotal), ask: (x) => newest(x, 'numRowsTotal'), draw: (x) => (x.numRowsTotal ? number(last(x.numRowsTotal)) : '–') },
    { name: 'memoryUsedBytes', title: t('State size', '状態サイズ'), num: true, of: (x) => last(x.memoryUsedBytes), ask: (x) => newest(x, 'memoryUsedBytes'), draw: (x) => (x.memoryUsedBytes ? bytes(last(x.memoryUsedBytes)) : '–') },
  ];
  return html`<${Panel} wide title=${t('Streaming tables', 'ストリーミングテーブル')} note=${t('rates are of the last 10 seconds', '速度は直近 10 秒の平均')}>
    <${Grid} columns=${columns} rows=${rows} keyOf=${(x) => x.name} label=${t('Streaming tables', 'ストリーミングテーブル')} name="streaming"
      foot=${html`<${Question} sql=${"SELECT * FROM `pipeline-metrics` WHERE CAST(key AS STRING) LIKE 'table/%' ORDER BY timestamp DESC LIMIT 100"} />`} /><//>`;
}

// Row is one of the aligned charts: what it is on the left, its line on the right.
function Row({ title, note, times, series, format, at, ask }) {
  const values = series[0].values.filter((v) => v !== null);
  const most = values.length ? Math.max(...values) : null, mean = values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
  const [cursor, setCursor] = useState(null);
  const there = cursor !== null && times[cursor] !== undefined, shown = there ? cursor : times.length - 1, value = series[0].values[shown] ?? null;
  const over = (f) => ask(f, times[0], times[times.length - 1]);
  return html`<div class="aligned"><div class="what"><h3>${title}</h3><p class="note">${note}</p>
      <span class="big"><${Num} ask=${ask('', times[shown])}>${format(value)}<//></span>
      <p class="note">${there ? t('at ', '時刻 ') + time(times[cursor] * 1e6) : html`${t('mean', '平均')} <${Num} ask=${over('avg')}>${format(mean)}<//> · ${t('most', '最大')} <${Num} ask=${over('max')}>${format(most)}<//>`}</p></div>
    <${Chart} times=${times} series=${series} height=${112} format=${format} sync="streaming" label=${title + ', ' + at} legend=${series.length > 1} onCursor=${setCursor} /></div>`;
}

function Charts({ of }) {
  const d = useMemo(() => spread(of), [of]);
  const one = (name, hue, extra) => [{ label: name, values: d[name] || [], hue, fill: true, ...extra }];
  const ms = (v) => (v === 0 ? '0' : seconds(v === null ? null : v / 1000)), s = (v) => (v === 0 ? '0' : seconds(v));
  // Each chart asks for a value of its first field at a time, or for what f makes of those between two.
  const q = (name) => (f, from, until = from) => inSQL('SELECT ' + (f ? f + '(' + fieldOf(name) + ')' : fieldOf(name)) + ' AS ' + name + records(of, from * 1000, until * 1000), unitOf[name]);
  const line = (name, hue) => ({ label: name, values: d[name], hue, ask: (i) => q(name)('', d.times[i]) });
  const rows = [
    [t('Input rate', '入力レート'), t('records that came, a second', '毎秒到着したレコード'), one('inputRowsPerSecond', 0), short, q('inputRowsPerSecond')],
    [t('Process rate', '処理レート'), t('records read, a second', '毎秒処理したレコード'), one('processedRowsPerSecond', 3), short, q('processedRowsPerSecond')],
    [t('Input rows', '入力行数'), t('since the record before', '前の記録以降'), one('numInputRows', 6), short, q('numInputRows')],
    [t('Batch duration', 'バッチ時間'), t('of the newest checkpoint', '最新チェックポイント'), one('batchDuration', 2), ms, q('batchDuration')],
    [t('Operation duration', '処理内訳'), t('commit, and how long tasks stood still', 'コミットと停止時間'), [line('walCommit', 4), line('pause', 5)], ms, q('walCommit')],
  ];
  if (d.numRowsTotal && d.numRowsTotal.length) {
    rows.push(
      [t('Watermark gap', 'ウォーターマーク差'), t('from the watermark to now', '現在との差'), one('watermarkGap', 0), s, q('watermarkGap')],
      [t('State rows', '状態行数'), t('groups of open windows', '開いているウィンドウ'), one('numRowsTotal', 7), short, q('numRowsTotal')],
      [t('Dropped by watermark', '遅延で除外'), t('late records', '遅延レコード'), one('numRowsDroppedByWatermark', 1), short, q('numRowsDroppedByWatermark')],
    );
  }
  return rows.map(([title, note, series, format, ask]) => html`<${Row} key=${title} title=${title} note=${note} times=${d.times} series=${series} format=${format} at=${of.name} ask=${ask} />`);
}

// Partitions are bars: what each has read in the last seconds, and what it has still to read.
function Partitions({ s, topics, name }) {
  const seen = useRef([]);
  const key = Date.parse(s.time);
  if (!seen.current.length || seen.current.at(-1).key < key) seen.current = [...seen.current.slice(-10), { key, parts: s.engine.partitions }];
  const first = seen.current[0], took = (key - first.key) / 1000;
  const parts = (s.engine.partitions || []).filter((p) => topics.includes(p.topic)).map((p) => {
    const before = first.parts.find((b) => b.topic === p.topic && b.partition === p.partition);
    return { ...p, rate: before && took > 0 ? Math.max(0, p.position - before.position) / took : null };
  });
  const most = Math.max(1e-9, ...parts.map((p) => p.rate || 0)), mostLag = Math.max(1, ...parts.map((p) => p.lag));
  const at = (p, name, unit, more) => inStatus(['engine', 'partitions', { topic: p.topic, partition: p.partition }, name], unit, more);
  const columns = [
    { name: 'topic', title: t('Topic', 'トピック'), of: (p) => p.topic, draw: (p) => html`<a href=${to('topics', { topic: p.topic, partition: p.partition })}>${p.topic}</a>` },
    { name: 'partition', title: t('Partition', 'パーティション'), num: true, of: (p) => p.partition },
    { name: 'rate', title: t('Reads /s', '読取 /秒'), num: true, of: (p) => p.rate, ask: (p) => at(p, 'position', '', { note: t('The difference of two looks at this, 10 seconds apart, by the seconds between them.', '10 秒あけた 2 回の値の差を、間の秒数で割ったものです。') }), draw: (p) => number(p.rate, 1) },
    { name: 'share', title: '', of: (p) => (p.rate === null ? null : p.rate / most), draw: (p) => html`<${Bar} share=${(p.rate || 0) / most} label=${number(p.rate, 1) + '/s'} />` },
    { name: 'lag', title: t('Lag', '遅れ (件)'), num: true, of: (p) => p.lag, ask: (p) => at(p, 'lag'), draw: (p) => number(p.lag) },
    { name: 'lagShare', title: '', of: (p) => p.lag / mostLag, draw: (p) => html`<${Bar} kind=${p.lag > 100 ? 'warn' : 'good'} share=${p.lag / Math.max(mostLag, 100)} label=${number(p.lag)} />` },
    { name: 'position', title: t('Offset', 'オフセット'), num: true, of: (p) => p.position, ask: (p) => at(p, 'position'), draw: (p) => number(p.position) },
    { name: 'eventTime', title: t('Newest event', '最新イベント'), of: (p) => (p.eventTime > -9e15 ? new Date(p.eventTime / 1000).toISOString() : null), ask: (p) => at(p, 'eventTime', 'time'), draw: (p) => time(p.eventTime, s.time) },
  ];
  return html`<${Panel} wide title=${t('Partitions', 'パーティション')} note=${t('that ', '') + name + t(' reads; rates of the last 10 seconds', ' が読むもの。直近 10 秒')}>
    <${Grid} columns=${columns} rows=${parts} keyOf=${(p) => p.topic + '/' + p.partition} label=${t('Partitions', 'パーティション')} name=${'partitions-' + name}
      foot=${html`<${Command} command="nagare status -o json" href="/api/status" />`} /><//>`;
}

function View({ params }) {
  use(language);
  const s = use(status);
  const since = useRef(0);
  const { data, error } = usePoll(() => '/api/progress/history' + (since.current ? '?since=' + since.current : ''), 1000, (answer, before) => {
    const joined = join(answer, before);
    since.current = Math.max(0, ...joined.series.map((x) => x.timestamp.at(-1) || 0));
    return joined;
  });
  const all = data ? data.series : [];
  const tables = all.filter((x) => x.kind === 'table');
  const at = tables.find((x) => x.name === params.table) || tables[0];
  if (!s) return html`<p class="empty">${t('Reading…', '読み込み中…')}</p>`;
  const topics = at ? topicsOf(s, at.name) : [], health = healthOf(s, topics), lag = at ? last(at.lagRecords) : null;
  return html`<h1 class="hidden">${t('Streaming', 'ストリーミング')}</h1><${Trouble} error=${error} />
    <div class="stack"><${Tables} all=${all} s=${s} at=${at && at.name} />
    ${data && !at && html`<p class="empty">${t('No streaming table, or nothing recorded yet: the process writes a record each second.', 'ストリーミングテーブルがないか、まだ記録がありません。')}</p>`}
    ${at && html`<${Panel} wide id="charts" title=${at.name} note=${html`<${Pill} state=${health.state} /> ${health.reason || slopeText(at.lagSlope, lag)}`}
      actions=${html`<span class="note">${t('the last 15 minutes, UTC', '直近 15 分、UTC')} <${Saves} name=${at.name + '-progress'} columns=${columnsOf(at)} rows=${() => at.timestamp.map((_, i) => columnsOf(at).map((c) => at[c][i]))} /></span>`}>
      <${Charts} of=${at} /><//>
    <${Partitions} s=${s} topics=${topics} name=${at.name} key=${at.name} />`}</div>`;
}

export default { id: 'streaming', title: ['Streaming', 'ストリーミング'], View };
