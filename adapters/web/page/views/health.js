// How each part is and why, what the doctor finds, and what the machine, the sinks and the topics take.
import { html, use, useState } from '../lib/ui.js';
import { get } from '../lib/api.js';
import { t, language, number, seconds, time, bytes } from '../lib/words.js';
import { status } from '../lib/live.js';
import { usePoll } from '../lib/poll.js';
import { Grid, Pill, Bar } from '../lib/grid.js';
import { Num, Question, Command, inSQL, inStatus, inTop, inTopics, recordsOf } from '../lib/question.js';
import { Saves } from '../lib/save.js';
import { Panel, Trouble } from '../lib/panel.js';
import { to } from '../lib/route.js';
import { Ledger } from './ledger.js';

const gib = 2 ** 30;
const rank = ['failed', 'stuck', 'degraded', 'falling behind', 'recovering', 'starting', 'keeping up', 'idle'];

// leads is the view that shows more of a part.
function leads(part) {
  const [kind, name] = part.split('/');
  if (kind === 'source') return to('topics', { topic: part.slice(7) });
  if (kind === 'checkpoint') return to('streaming');
  if (kind === 'sink' && name) return '#sinks';
  return null;
}

function Parts({ s }) {
  const rows = [...(s.health || [])].sort((a, b) => rank.indexOf(a.state) - rank.indexOf(b.state) || (a.part < b.part ? -1 : 1));
  const bad = rows.filter((h) => rank.indexOf(h.state) < 4).length;
  const columns = [
    { name: 'part', title: t('Part', '部分'), of: (h) => h.part, draw: (h) => (leads(h.part) && leads(h.part)[1] === '/' ? html`<a href=${leads(h.part)}>${h.part}</a>` : h.part) },
    { name: 'state', title: t('State', '状態'), of: (h) => h.state, draw: (h) => html`<${Pill} state=${h.state} />` },
    { name: 'since', title: t('Since', '開始'), of: (h) => h.since, draw: (h) => time(h.since, s.time) },
    { name: 'reason', title: t('Reason', '理由'), wrap: true, of: (h) => h.reason, draw: (h) => h.reason || '–' },
  ];
  return html`<${Panel} wide title=${t('Parts', '各部の状態')} note=${bad ? t(`${bad} of ${rows.length} need attention`, `${rows.length} 件中 ${bad} 件に注意`) : t(`all ${rows.length} keep up or are idle`, `${rows.length} 件すべて正常`)}>
    <${Grid} tall columns=${columns} rows=${rows} keyOf=${(h) => h.part} label=${t('Parts', '各部の状態')} name="health" foot=${html`<${Command} command="nagare status" href="/-/healthy" />`} /><//>`;
}

const kinds = { '✓': 'good', '!': 'doubt', '✗': 'bad' };

function Doctor() {
  const [got, set] = useState({ list: null, error: null, busy: false });
  const [all, setAll] = useState(false);
  const ask = () => { if (got.busy) return; set((g) => ({ ...g, busy: true })); get('/api/doctor').then((list) => set({ list, error: null, busy: false }), (error) => set((g) => ({ ...g, error, busy: false }))); };
  const list = got.list || [], off = list.filter((f) => kinds[f.mark] !== 'good'), shown = all ? list : off;
  return html`<${Panel} wide title="nagare doctor" note=${got.list ? t(`${list.length - off.length} of ${list.length} checks are good`, `${list.length} 件中 ${list.length - off.length} 件は良好`) : t('checks of the machine, the folder and the pipeline, each with its fix', 'マシン・フォルダー・パイプラインの検査と対処')}
    actions=${html`${got.list && html`<button type="button" aria-pressed=${String(all)} onClick=${() => setAll(!all)}>${t('all checks', 'すべて表示')}</button>`}<button type="button" class=${got.list ? '' : 'main'} aria-disabled=${String(got.busy)} onClick=${ask}>${got.busy ? t('Checking…', '検査中…') : got.list ? t('Again', '再検査') : t('Run the checks', '検査を実行')}</button>`}>
    <${Trouble} error=${got.error} />
    ${got.list && shown.length === 0 && html`<p class="calm">${t('Nothing to mend.', '問題はありません。')}</p>`}
    <ul class="found">${shown.map((f, i) => html`<li key=${i} class=${kinds[f.mark]}><span class="sign" aria-label=${kinds[f.mark]}>${f.mark}</span><span>${f.what}</span>${f.fix && html`<span class="fix">${t('fix: ', '対処：')}${f.fix}</span>`}</li>`)}</ul>
    <div class="foot"><${Command} command="nagare doctor" href="/api/doctor" />${got.list && html`<${Saves} name="doctor" columns=${['mark', 'what', 'fix']} rows=${list.map((f) => [f.mark, f.what, f.fix])} />`}</div><//>`;
}

const Meter = ({ name, value, ask, below, share, warn = 0.8, bad = 0.95 }) => html`<div><span class="name">${name}</span><b class="value"><${Num} ask=${ask}>${value}<//></b>${share !== undefined && share !== null && html`<${Bar} share=${share} kind=${share >= bad ? 'bad' : share >= warn ? 'warn' : 'good'} label=${Math.round(100 * share) + ' %'} />`}<span class="note">${below}</span></div>`;

function Machine({ m }) {
  if (!m) return null;
  const pc = (x) => (x === null || x === undefined ? '–' : number(x, 1) + ' %'), gb = (x) => (x === null || x === undefined ? '–' : bytes(x * gib));
  const at = Date.parse(m.timestamp), moment = (ms) => "TIMESTAMP '" + new Date(ms).toISOString() + "'";
  const q = (field, unit) => inSQL(`SELECT CAST(get_json_object(CAST(value AS STRING), '$.${field}') AS DOUBLE) AS ${field} FROM \`system-metrics\` WHERE timestamp >= ${moment(at)} AND timestamp < ${moment(at + 1)}`, unit);
  const n = (field, shown, unit) => html`<${Num} ask=${q(field, unit)}>${shown}<//>`;
  return html`<${Panel} wide title=${t('Machine', 'マシン')} note=${m.host + (m.container ? t(', in a container', '（コンテナー内）') : '')}>
    <div class="meters">
      <${Meter} name=${t('CPU', 'CPU')} value=${pc(m.cpu_percent)} ask=${q('cpu_percent', '%')} share=${m.cpu_percent / 100} below=${html`${n('cpu_cores', number(m.cpu_cores, 1))}${t(' cores; this process ', ' コア。このプロセス ')}${n('process_cpu_percent', pc(m.process_cpu_percent), '%')}`} />
      <${Meter} name=${t('Memory', 'メモリー')} value=${pc(m.memory_percent)} ask=${q('memory_percent', '%')} share=${m.memory_percent / 100} below=${html`${n('memory_available_gb', gb(m.memory_available_gb), 'GiB')}${t(' of ', ' / ')}${n('memory_total_gb', gb(m.memory_total_gb), 'GiB')}${t(' available; this process ', ' 利用可能。このプロセス ')}${n('process_memory_gb', gb(m.process_memory_gb), 'GiB')}`} />
      <${Meter} name=${t('Disk of the data folder', 'データフォルダーのディスク')} value=${pc(m.disk_percent)} ask=${q('disk_percent', '%')} share=${m.disk_percent / 100} below=${html`${n('disk_free_gb', gb(m.disk_free_gb), 'GiB')}${t(' of ', ' / ')}${n('disk_total_gb', gb(m.disk_total_gb), 'GiB')}${t(' free: ', ' 空き：')}${m.disk_path || ''}`} />
      <${Meter} name=${t('Load', '負荷')} value=${number(m.load_1, 2)} ask=${q('load_1')} share=${m.cpu_cores ? m.load_1 / m.cpu_cores / 2 : null} warn=${0.75} below=${html`${t('5 min ', '5 分 ')}${n('load_5', number(m.load_5, 2))}${t(', 15 min ', '、15 分 ')}${n('load_15', number(m.load_15, 2))}`} />
      <${Meter} name=${t('Open files', 'オープンファイル')} value=${number(m.process_open_files)} ask=${q('process_open_files')} below=${t('of this process', 'このプロセス')} />
    </div>
    ${(m.failed || []).map((f) => html`<p class="trouble" key=${f.collector}>${f.collector}: ${f.reason}</p>`)}
    <div class="foot"><${Question} sql=${'SELECT * FROM `system-metrics` ORDER BY timestamp DESC LIMIT 100'} /><${Saves} name="machine" columns=${Object.keys(m).filter((k) => k !== 'failed')} rows=${[Object.entries(m).filter(([k]) => k !== 'failed').map(([, v]) => v)]} /></div><//>`;
}

function Sinks({ s }) {
  if (!s.sinks.length) return null;
  const health = Object.fromEntries((s.health || []).filter((h) => h.part.startsWith('sink/')).map((h) => [h.part.slice(5), h]));
  const caches = Object.fromEntries((s.engine.sinks || []).map((c) => [c.name, c]));
  const load = (name, unit) => (x) => inTop(['sinks', { name: x.name }, name], unit), cache = (name) => (x) => inStatus(['engine', 'sinks', { name: x.name }, name]);
  const latency = (x) => inTop(['sinks', { name: x.name }, 'latency'], '', { note: t('How many rows took how long, by bucket; p50 and p99 are of the difference of two looks.', '所要時間ごとの行数。p50・p99 は 2 回の差から求めます。') });
  const columns = [
    { name: 'name', title: t('Sink', 'シンク'), of: (x) => x.name },
    { name: 'state', title: t('State', '状態'), of: (x) => (health[x.name] || {}).state, draw: (x) => html`<${Pill} state=${(health[x.name] || {}).state || 'starting'} />` },
    { name: 'delivered', title: t('Delivered', '配信済み'), num: true, of: (x) => x.delivered, ask: load('delivered'), draw: (x) => number(x.delivered) },
    { name: 'waiting', title: t('Waiting', '待ち'), num: true, of: (x) => x.waiting, ask: load('waiting'), draw: (x) => number(x.waiting) },
    { name: 'oldestSeconds', title: t('First waits', '最長待ち'), num: true, of: (x) => x.oldestSeconds, ask: load('oldestSeconds', 's'), draw: (x) => (x.waiting ? seconds(x.oldestSeconds) : '–') },
    { name: 'p50', title: 'p50', num: true, of: (x) => x.p50, ask: latency, draw: (x) => seconds(x.p50) },
    { name: 'p99', title: 'p99', num: true, of: (x) => x.p99, ask: latency, draw: (x) => seconds(x.p99) },
    { name: 'refused', title: t('Refused', '拒否'), num: true, of: (x) => (caches[x.name] || {}).refused, ask: cache('refused'), draw: (x) => (caches[x.name] ? number(caches[x.name].refused) : '–') },
    { name: 'refills', title: t('Refills', '再充填'), num: true, of: (x) => (caches[x.name] || {}).refills, ask: cache('refills'), draw: (x) => (caches[x.name] ? number(caches[x.name].refills) : '–') },
    { name: 'trouble', title: t('Trouble', '問題'), wrap: true, of: (x) => x.trouble || (health[x.name] || {}).reason, draw: (x) => x.trouble || (health[x.name] || {}).reason || '–' },
  ];
  return html`<${Panel} wide id="sinks" title=${t('Sinks', 'シンク')} note=${t('p50 and p99: from a record to its row in the sink, of the last second', 'p50・p99：レコードからシンクまで、直近 1 秒')}>
    <${Grid} tall columns=${columns} rows=${s.sinks} keyOf=${(x) => x.name} label=${t('Sinks', 'シンク')} name="sinks" foot=${html`<${Command} command="nagare top" href="/api/monitor" />`} /><//>`;
}

function Topics() {
  const { data, error } = usePoll('/api/topics', 10_000);
  const rows = [...(data || [])].sort((a, b) => b.bytes - a.bytes), most = Math.max(1, ...rows.map((x) => x.bytes)), total = rows.reduce((n, x) => n + x.bytes, 0);
  const columns = [
    { name: 'name', title: t('Topic', 'トピック'), of: (x) => x.name, draw: (x) => html`<a href=${to('topics', { topic: x.name })}>${x.name}</a>` },
    { name: 'role', title: t('Role', '役割'), of: (x) => x.role },
    { name: 'partitions', title: t('Partitions', 'パーティション'), num: true, of: (x) => x.partitions, ask: (x) => inTopics([{ name: x.name }, 'partitions']) },
    { name: 'records', title: t('Records', 'レコード'), num: true, of: (x) => x.records, ask: recordsOf, draw: (x) => (x.about ? t('about ', '約 ') : '') + number(x.records) },
    { name: 'bytes', title: t('On disk', 'ディスク'), num: true, of: (x) => x.bytes, ask: (x) => inTopics([{ name: x.name }, 'bytes'], 'B'), draw: (x) => bytes(x.bytes) },
    { name: 'share', title: '', of: (x) => x.bytes / most, draw: (x) => html`<${Bar} share=${x.bytes / most} label=${bytes(x.bytes)} />` },
    { name: 'retention', title: t('Retention', '保持期間'), of: (x) => x.retention, draw: (x) => (x.retention || t('for good', '無期限')).replace(/(h)0m0s$/, '$1') },
    { name: 'key', title: t('Key', 'キー'), of: (x) => x.key },
  ];
  return html`<${Panel} wide title=${t("Topics' disk", 'トピックのディスク')} note=${bytes(total) + t(' in all', ' 合計')}><${Trouble} error=${error} />
    <${Grid} tall columns=${columns} rows=${rows} keyOf=${(x) => x.name} label=${t("Topics' disk", 'トピックのディスク')} name="topics" foot=${html`<${Command} command="nagare topics list" href="/api/topics" />`} /><//>`;
}

function Process({ s }) {
  const i = s.info, e = s.engine;
  return html`<${Panel} wide title=${t('Process', 'プロセス')} note=${html`<${Pill} state=${e.state} kind=${e.state === 'running' || e.state === 'idle' ? 'good' : e.state === 'failed' ? 'bad' : 'warn'} /> ${e.reason || ''}`}>
    <div class="meters">
      <${Meter} name=${t('nagare', 'nagare')} value=${i.version} below=${t('process ', 'プロセス ') + i.pid + t(', up for ', '、稼働 ') + seconds((Date.parse(s.time) - Date.parse(i.started)) / 1000)} />
      <${Meter} name=${t('Events', 'イベント')} value=${number(e.events)} ask=${inStatus(['engine', 'events'])} below=${html`<${Num} ask=${inStatus(['rates', 'processed'])}>${number(s.rates.processed, 1)}<//>${t('/s; resumed with ', '/秒。再開時 ')}<${Num} ask=${inStatus(['info', 'resumed'])}>${number(i.resumed)}<//>`} />
      <${Meter} name=${t('Checkpoints', 'チェックポイント')} value=${number(e.epoch)} ask=${inStatus(['engine', 'epoch'])} below=${html`${t('newest ', '最新 ')}<${Num} ask=${inStatus(['engine', 'checkpoints', 'lastSuccess'], 'time')}>${time(e.checkpoints.lastSuccess, s.time)}<//>${t(', stood still ', '、停止 ')}<${Num} ask=${inStatus(['engine', 'checkpoints', 'lastPause'], 'µs')}>${seconds(e.checkpoints.lastPause / 1e6)}<//>${t(', took ', '、書き込み ')}<${Num} ask=${inStatus(['engine', 'checkpoints', 'lastCommit'], 'µs')}>${seconds(e.checkpoints.lastCommit / 1e6)}<//>`} />
      <${Meter} name=${t('State', '状態')} value=${number(e.stateRows)} ask=${inStatus(['engine', 'stateRows'])} below=${html`${t('rows of open windows, ', '開いているウィンドウの行、')}<${Num} ask=${inStatus(['engine', 'stateBytes'], 'B')}>${bytes(e.stateBytes)}<//>`} />
      <${Meter} name=${t('Ledger', '台帳')} value=${s.imbalance === 0 ? t('adds up', '一致') : number(s.imbalance)} below=${s.imbalance === 0 ? t('every row has one outcome', '全行の行方を確認') : t('rows are unaccounted for', '行が不明')} />
    </div>
    <p class="note">${t('data ', 'データ ')}<code>${i.data}</code> · ${t('broker ', 'ブローカー ')}${i.broker}${i.cache ? ' · ' + t('cache ', 'キャッシュ ') + i.cache : ''}</p>
    <div class="foot"><${Command} command="nagare status" href="/api/status" /></div><//>`;
}

function View() {
  use(language);
  const s = use(status);
  if (!s) return html`<h1 class="hidden">${t('Health', '健全性')}</h1><p class="empty">${t('Reading…', '読み込み中…')}</p>`;
  return html`<h1 class="hidden">${t('Health', '健全性')}</h1><div class="stack"><${Process} s=${s} /><${Parts} s=${s} /><${Ledger} s=${s} /><${Doctor} /><${Machine} m=${s.machine} /><${Sinks} s=${s} /><${Topics} /></div>`;
}

export default { id: 'health', title: ['Health', '健全性'], View };
