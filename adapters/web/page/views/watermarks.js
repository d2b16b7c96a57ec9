// Why windows are open, who holds a watermark, and how late rows come.
import { html, use, useEffect, useRef, useState } from '../lib/ui.js';
import { t, language, number, seconds, time, short } from '../lib/words.js';
import { usePoll } from '../lib/poll.js';
import { own } from '../lib/live.js';
import { Grid, Pill, Bar } from '../lib/grid.js';
import { Num, Question, Command, inAPI, every, quoted } from '../lib/question.js';
import { Saves } from '../lib/save.js';
import { Panel, Trouble } from '../lib/panel.js';
import { to } from '../lib/route.js';

const isOwn = (topics) => topics.every((x) => own.includes(x));
const ms = (text) => (text ? Date.parse(text) : NaN);
const list = (names, most = 6) => names.slice(0, most).join(', ') + (names.length > most ? t(` and ${names.length - most} more`, ` 他 ${names.length - most}`) : '');
// percent is a share as people read it.
const percent = (x) => (x === 0 ? '0 %' : x < 0.0001 ? '< 0.01 %' : (100 * x).toFixed(x < 0.01 ? 2 : 1) + ' %');

// ofGroup asks for what /api/watermarks tells of one watermark, ofPartition of one of its partitions.
const ofGroup = (group, path, unit, more) => inAPI('/api/watermarks', ['groups', { time: group.time, delayMs: group.delayMs }, ...path], unit, more);
const ofPartition = (group, p, name, unit, more) => ofGroup(group, ['partitions', { topic: p.topic, partition: p.partition }, name], unit, more);

// useWidth is the width of an element, as it changes.
function useWidth(ref) {
  const [width, set] = useState(0);
  useEffect(() => {
    const see = new ResizeObserver(() => set(ref.current ? ref.current.clientWidth : 0));
    see.observe(ref.current);
    return () => see.disconnect();
  }, []);
  return width;
}

// Track is the partitions on one line of time: from its watermark to its newest event each, and now.
function Track({ group, now }) {
  const host = useRef(null), width = useWidth(host);
  const parts = group.partitions.filter((p) => p.eventTime).slice(0, 24);
  const from = Math.min(...parts.map((p) => ms(p.watermark))), until = Math.max(now, ...parts.map((p) => ms(p.eventTime)));
  const left = 34, right = 12, row = 22, high = parts.length * row + 26, wide = Math.max(0, width - left - right);
  const x = (at) => left + wide * (at - from) / Math.max(1, until - from);
  const mark = ms(group.watermark);
  const ticks = wide > 0 ? [0, 0.25, 0.5, 0.75, 1].filter((f, i) => wide > 420 || i % 2 === 0).map((f) => from + f * (until - from)) : [];
  return html`<div class="track" ref=${host}>${parts.length > 0 && width > 0 && html`<svg width=${width} height=${high} role="img" aria-label=${t('Partitions from watermark to newest event', '各パーティションのウォーターマークから最新イベントまで')}>
    ${ticks.map((at, i) => html`<g key=${i}><line class="rule" x1=${x(at)} x2=${x(at)} y1="0" y2=${high - 18} /><text class="tick" x=${x(at)} y=${high - 4} text-anchor=${i === 0 ? 'start' : i === ticks.length - 1 ? 'end' : 'middle'}>${new Date(at).toISOString().slice(11, 19)}</text></g>`)}
    ${mark >= from && html`<line class="mark" x1=${x(mark)} x2=${x(mark)} y1="0" y2=${high - 18} />`}
    ${parts.map((p, i) => html`<g key=${p.topic + p.partition} class=${p.holds ? 'holds' : p.idle ? 'idle' : ''}>
      <text class="tick" x=${left - 8} y=${i * row + 15} text-anchor="end">${p.partition}</text>
      <line class="span" x1=${x(ms(p.watermark))} x2=${x(ms(p.eventTime))} y1=${i * row + 11} y2=${i * row + 11} />
      <circle class="at" cx=${x(ms(p.watermark))} cy=${i * row + 11} r="4.5" /><circle class="newest" cx=${x(ms(p.eventTime))} cy=${i * row + 11} r="4" /></g>`)}
  </svg>`}
  <p class="key"><span><i class="k at"></i>${t('watermark', 'ウォーターマーク')}</span><span><i class="k newest"></i>${t('newest event', '最新イベント')}</span><span><i class="k mark"></i>${t('watermark of all', '全体のウォーターマーク')}</span><span>${t('right end: now', '右端：現在')}</span></p></div>`;
}

function Holding({ group, answer }) {
  const now = ms(answer.now);
  const columns = [
    ...(group.topics.length > 1 ? [{ name: 'topic', title: t('Topic', 'トピック'), of: (p) => p.topic }] : []),
    { name: 'partition', title: t('Part.', '番号'), num: true, of: (p) => p.partition, draw: (p) => html`<a href=${to('topics', { topic: p.topic, partition: p.partition })}>${p.partition}</a>` },
    { name: 'eventTime', title: t('Newest event', '最新イベント'), of: (p) => p.eventTime, ask: (p) => ofPartition(group, p, 'eventTime', 'time'), draw: (p) => time(p.eventTime, answer.now) },
    { name: 'watermark', title: t('Watermark', 'ウォーターマーク'), of: (p) => p.watermark, ask: (p) => ofPartition(group, p, 'watermark', 'time'), draw: (p) => time(p.watermark, answer.now) },
    { name: 'lagMs', title: t('Behind newest', '最新との差'), num: true, of: (p) => p.lagMs, ask: (p) => ofPartition(group, p, 'lagMs', 'ms'), draw: (p) => (p.watermark ? seconds(p.lagMs / 1000) : '–') },
    { name: 'lag', title: t('To read', '未読'), num: true, of: (p) => p.lag, ask: (p) => ofPartition(group, p, 'lag'), draw: (p) => number(p.lag) },
    { name: 'lastRow', title: t('Last record', '最終レコード'), num: true, of: (p) => p.lastRow, ask: (p) => ofPartition(group, p, 'lastRow', 'time', { note: t('From then to now.', 'その時刻から現在まで。') }), draw: (p) => (p.lastRow ? t(seconds(Math.max(0, (now - ms(p.lastRow)) / 1000)) + ' ago', seconds(Math.max(0, (now - ms(p.lastRow)) / 1000)) + '前') : '–') },
    { name: 'idleInMs', title: t('Idle in', '休止まで'), num: true, of: (p) => p.idleInMs, draw: (p) => (p.idle ? t('idle', '休止') : p.idleInMs === null ? '–' : html`<span class="idle"><${Bar} kind=${p.idleInMs < answer.idleTimeoutMs / 2 ? 'warn' : 'good'} share=${p.idleInMs / answer.idleTimeoutMs} label=${seconds(p.idleInMs / 1000)} /> <${Num} ask=${ofPartition(group, p, 'idleInMs', 'ms')}>${seconds(Math.ceil(p.idleInMs / 1000))}<//></span>`) },
    { name: 'state', title: t('State', '状態'), of: (p) => (p.holds ? 'holds' : p.raised ? 'passed over' : p.idle ? 'idle' : p.watermark ? 'ahead' : 'no event'), draw: (p) => (p.holds ? html`<${Pill} kind="warn" state=${t('holds', '保持')} />` : p.raised ? html`<${Pill} kind="calm" state=${t('passed over', '休止中に通過')} />` : p.idle ? html`<${Pill} state="idle" />` : p.watermark ? html`<${Pill} kind="good" state=${t('ahead', '先行')} />` : html`<${Pill} kind="calm" state=${t('no event yet', 'イベントなし')} />`) },
  ];
  return html`<${Grid} columns=${columns} rows=${group.partitions} keyOf=${(p) => p.topic + '/' + p.partition} label=${t('Partitions of ', 'パーティション：') + list(group.topics)} name=${'watermarks-' + group.topics[0]}
    foot=${html`<${Command} command=${'curl -s ' + location.origin + '/api/watermarks'} href="/api/watermarks" />`} />`;
}

// sentence says who holds the watermark.
function sentence(group, now) {
  if (!group.watermark) return t('No watermark yet: a partition has brought no event and is not idle.', 'ウォーターマークはまだありません。イベントのないパーティションがあります。');
  const holds = group.partitions.filter((p) => p.holds), newest = Math.max(...group.partitions.map((p) => p.lagMs));
  const behind = seconds(Math.max(0, (now - ms(group.watermark)) / 1000));
  const text = t(`The watermark is ${time(group.watermark)}, ${behind} behind the clock. `, `ウォーターマークは ${time(group.watermark)}（時計より ${behind} 遅れ）。`);
  if (group.partitions.length === 1) return text + t('There is one partition.', 'パーティションは 1 つです。');
  if (!holds.length) return text + t('No partition holds it back.', '遅らせているパーティションはありません。');
  const who = holds.map((p) => (group.topics.length > 1 ? p.topic + ' ' : '') + p.partition).join(', ');
  return text + t(`Partition ${who} holds it back, ${seconds(newest / 1000)} behind the newest partition.`, `パーティション ${who} が最新より ${seconds(newest / 1000)} 遅れて保持しています。`);
}

// Lateness is how many rows each delay would lose.
function Lateness({ group }) {
  const host = useRef(null), width = useWidth(host), l = group.lateness;
  const [at, setAt] = useState(null);
  const share = (i) => l.behind[i] / l.rows;
  const points = l.delaysMs.map((d, i) => [d, l.behind[i]]);
  const far = Math.max(2000, l.delaysMs.at(-1), group.delayMs) * 1.3, near = 1;
  const goal = l.enoughPart, least = Math.max(Math.min(1 / Math.max(1, l.rows), goal), 1e-7) / 1.6;
  const left = 62, right = 14, top = 10, bottom = 24, high = 200, wide = Math.max(0, width - left - right);
  const x = (d) => left + wide * Math.log10(Math.max(d, near) / near) / Math.log10(far / near);
  const y = (p) => top + (high - top - bottom) * Math.log10(1 / Math.max(p, least)) / Math.log10(1 / least);
  const shareAt = (d) => { let i = 0; while (i + 1 < points.length && points[i + 1][0] <= d) i++; return share(i); };
  let path = '';
  if (width > 0 && l.rows > 0) {
    path = `M${x(near)},${y(share(0))}`;
    points.forEach(([d], i) => { if (i) path += `H${x(d).toFixed(1)}V${y(share(i)).toFixed(1)}`; });
    path += `H${x(far)}`;
  }
  const decades = [];
  for (let p = 1; p > least; p /= 10) decades.push(p);
  const units = [[1, '1 ms'], [10, '10 ms'], [100, '0.1 s'], [1000, '1 s'], [10_000, '10 s'], [60_000, '1 min'], [600_000, '10 min'], [3_600_000, '1 h'], [86_400_000, '1 d']].filter(([d], i) => d <= far && (wide > 460 || i % 2 === 0));
  const enough = l.enoughMs;
  const round = (d) => (d < 1000 ? Math.ceil(d) + ' ms' : seconds(Math.ceil(d / 100) / 10));
  const over = (e) => { const box = host.current.getBoundingClientRect(), f = (e.clientX - box.left - left) / wide; setAt(f < 0 || f > 1 ? null : near * Math.pow(far / near, f)); };
  const late = group.tables.filter((n) => !n.startsWith('alert.'))[0];
  return html`<div class="late"><p class="say">${l.rows === 0 ? t('No row has been read since this process started.', 'プロセス開始後に読まれた行はありません。') : html`
      ${t('Of ', '開始後の ')}<${Num} ask=${ofGroup(group, ['lateness', 'rows'])}>${number(l.rows)}<//> ${t('rows since the start, ', '行のうち ')}<b><${Num} ask=${ofGroup(group, ['lateness', 'loses'])}>${number(l.loses)}<//></b> ${t(`(${percent(l.loses / l.rows)}) came more than the delay of ${seconds(group.delayMs / 1000)} behind the newest of their partition. `, `行 (${percent(l.loses / l.rows)}) が遅延許容 ${seconds(group.delayMs / 1000)} を超えて到着しました。`)}
      ${enough === null ? t(`${number(Math.ceil(1 / goal))} rows are needed to tell the delay that loses less than 0.01 %.`, `0.01 % 未満になる遅延の判定には ${number(Math.ceil(1 / goal))} 行が必要です。`)
      : enough <= group.delayMs ? html`<b>${t('The delay is enough', '遅延許容は十分です')}</b>${t(': ', '：')}<${Num} ask=${ofGroup(group, ['lateness', 'enoughMs'], 'ms')}>${round(enough)}<//>${t(' would lose less than 0.01 %.', ' でも 0.01 % 未満です。')}`
      : html`${t('A delay of ', '遅延許容を ')}<b><${Num} ask=${ofGroup(group, ['lateness', 'enoughMs'], 'ms')}>${round(enough)}<//></b>${t(' would lose less than 0.01 %.', ' にすると 0.01 % 未満になります。')}`}`}</p>
    <div class="curve" ref=${host} onPointerMove=${over} onPointerLeave=${() => setAt(null)}>${width > 0 && l.rows > 0 && html`<svg width=${width} height=${high} role="img" aria-label=${t('Share of rows that each delay would lose', '遅延許容ごとの失われる行の割合')}>
      ${decades.map((p) => html`<g key=${p}><line class="rule" x1=${left} x2=${width - right} y1=${y(p)} y2=${y(p)} /><text class="tick" x=${left - 8} y=${y(p) + 4} text-anchor="end">${Number((100 * p).toPrecision(1))} %</text></g>`)}
      ${units.map(([d, name]) => html`<g key=${d}><line class="rule" x1=${x(d)} x2=${x(d)} y1=${top} y2=${high - bottom} /><text class="tick" x=${x(d)} y=${high - 7} text-anchor="middle">${name}</text></g>`)}
      <line class="goal" x1=${left} x2=${width - right} y1=${y(goal)} y2=${y(goal)} />
      <line class="delay" x1=${x(group.delayMs)} x2=${x(group.delayMs)} y1=${top} y2=${high - bottom} />
      <path class="loss" d=${path} />
      ${at !== null && html`<line class="probe" x1=${x(at)} x2=${x(at)} y1=${top} y2=${high - bottom} /><circle class="probe" cx=${x(at)} cy=${y(shareAt(at))} r="4" />`}
    </svg>`}</div>
    <p class="key"><span><i class="k loss"></i>${t('rows further behind than the delay', '遅延許容より遅い行')}</span><span><i class="k delay"></i>${t('the delay now', '現在の遅延許容')} ${seconds(group.delayMs / 1000)}</span><span><i class="k goal"></i>0.01 %</span>
      ${at !== null && html`<span class="moment">${seconds(at / 1000)}: ${percent(shareAt(at))}</span>`}</p>
    <p class="note">${t('A window takes rows until the watermark has passed its end, so that tables lose fewer of them. Counted since this process started.', 'ウィンドウは終了まで行を受け取るため、実際に失われる行はこれより少なくなります。プロセス開始後の集計です。')}</p>
    <div class="foot">${late && html`<${Question} sql=${'SELECT * FROM ' + quoted(late + '$late') + ' LIMIT 100'} />`}
      <${Saves} name=${'lateness-' + group.topics[0]} label=${t('How late rows are', '行の遅れ')} columns=${['delayMs', 'rowsBehind', 'share']} rows=${points.map(([d, n], i) => [d, n, l.rows ? share(i) : null])} /></div></div>`;
}

function Windows({ tables, answer }) {
  const now = ms(answer.now);
  const rows = tables.flatMap((x) => x.windows.map((w) => ({ ...w, table: x })));
  const ofWindow = (w, name, unit) => inAPI('/api/watermarks', ['tables', { table: w.table.table }, 'windows', { end: w.end }, name], unit);
  const columns = [
    { name: 'table', title: t('Table', 'テーブル'), of: (w) => w.table.table, draw: (w) => html`<a href=${to('streaming', { table: w.table.table })}>${w.table.table}</a>` },
    { name: 'start', title: t('From', '開始'), of: (w) => w.start, ask: (w) => ofWindow(w, 'start', 'time'), draw: (w) => time(w.start, answer.now) },
    { name: 'end', title: t('Until', '終了'), of: (w) => w.end, ask: (w) => ofWindow(w, 'end', 'time'), draw: (w) => time(w.end, answer.now) },
    { name: 'rows', title: t('Rows', '行数'), num: true, of: (w) => w.rows, ask: (w) => ofWindow(w, 'rows'), draw: (w) => number(w.rows) },
    { name: 'missingMs', title: t('Closes', '確定まで'), num: true, of: (w) => w.missingMs, ask: (w) => ofWindow(w, 'missingMs', 'ms'), draw: (w) => (w.table.watermark && !waitsForRecords(w, answer) ? t('in about ' + seconds(Math.ceil(w.missingMs / 1000)), '約 ' + seconds(Math.ceil(w.missingMs / 1000))) : '–') },
    { name: 'progress', title: t('Watermark in it', 'ウォーターマークの位置'), of: (w) => Math.max(0, 1 - w.missingMs / w.table.sizeMs), draw: (w) => html`<${Bar} share=${1 - w.missingMs / w.table.sizeMs} over=${(now - ms(w.start)) / w.table.sizeMs} label=${percent(Math.max(0, 1 - w.missingMs / w.table.sizeMs))} />` },
    { name: 'why', title: t('Why it is open', '開いている理由'), wrap: true, of: (w) => why(w, answer), draw: (w) => why(w, answer) },
  ];
  const more = tables.filter((x) => x.open > x.windows.length);
  return html`<${Panel} wide title=${t('Open windows', '開いているウィンドウ')} note=${t('a window is final once every watermark of its partitions has reached its end', '全パーティションのウォーターマークが終了時刻に達すると確定します')}>
    <${Grid} tall columns=${columns} rows=${rows} keyOf=${(w) => w.table.table + w.end} label=${t('Open windows', '開いているウィンドウ')} name="open-windows" empty=${t('No window is open.', '開いているウィンドウはありません。')}
      foot=${html`${more.map((x) => html`<span key=${x.table}>${x.table}: ${t('the first', '最初の')} ${x.windows.length} / <${Num} ask=${inAPI('/api/watermarks', ['tables', { table: x.table }, 'open'])}>${number(x.open)}<//></span>`)}<${Command} command=${'curl -s ' + location.origin + '/api/watermarks'} href="/api/watermarks" />${[...new Set(rows.map((w) => w.table.table))].slice(0, 3).map((name) => html`<${Question} key=${name} sql=${'SELECT * FROM ' + quoted(name + '$open')} />`)}`} /><//>`;
}

// waitsForRecords tells whether all partitions that keep a window open are idle: no clock ends it, only newer records.
const waitsForRecords = (w, answer) => w.holders.length > 0 && w.holders.every((h) => answer.partitions.some((p) => p.topic === h.topic && p.partition === h.partition && p.idle));

// why says what keeps a window open.
export function why(w, answer) {
  const over = ms(answer.now) - ms(w.end), who = w.holders.map((h) => (w.table.topics.length > 1 ? h.topic + ' ' : '') + h.partition);
  const parts = w.holders.length ? t(`partition ${list(who)}`, `パーティション ${list(who)}`) : '';
  if (w.table.below) return t(`waits for windows of ${w.table.below}`, `${w.table.below} のウィンドウ待ち`) + (parts ? t(', held by ', '、保持: ') + parts : '');
  if (waitsForRecords(w, answer)) {
    const newer = time(new Date(ms(w.end) + w.table.delayMs).toISOString(), answer.now);
    return t(`all partitions are idle: a record of ${newer} or later ends it`, `全パーティションが休止中：${newer} 以降のレコードが届くと確定`);
  }
  if (over < 0) return t(`its time is not over yet (${seconds(-over / 1000)} to go, then ${seconds(w.table.delayMs / 1000)} of delay)`, `まだ期間中（残り ${seconds(-over / 1000)}、その後 遅延許容 ${seconds(w.table.delayMs / 1000)}）`);
  if (over < w.table.delayMs) return t(`over for ${seconds(over / 1000)}, waits ${seconds(w.table.delayMs / 1000)} for late rows; held by `, `終了から ${seconds(over / 1000)}、遅延許容 ${seconds(w.table.delayMs / 1000)} 待ち。保持: `) + parts;
  return t(`over for ${seconds(over / 1000)}, longer than the delay: `, `終了から ${seconds(over / 1000)}（遅延許容超過）：`) + parts + t(' has brought nothing newer and is not idle', ' に新しいイベントがありません');
}

function Group({ group, answer }) {
  const now = ms(answer.now);
  return html`<${Panel} title=${list(group.topics)} note=${html`<code>${group.time || '–'}</code> · ${t('delay', '遅延許容')} ${seconds(group.delayMs / 1000)} · ${list(group.tables.filter((x) => !x.startsWith('alert.')).length ? group.tables.filter((x) => !x.startsWith('alert.')) : group.tables, 4)}`} wide>
    <p class="say">${sentence(group, now)}</p>
    <div class="split"><div><${Track} group=${group} now=${now} /><${Holding} group=${group} answer=${answer} /></div>
    <section class="side" aria-label=${t('How late rows are', '行の遅れ')}><h3>${t('How late rows are', '行の遅れ')}</h3><${Lateness} group=${group} /></section></div><//>`;
}

function View() {
  use(language);
  const { data, error } = usePoll('/api/watermarks', 1000);
  const [own, setOwn] = useState(false);
  if (!data) return html`<h1 class="hidden">${t('Watermarks', 'ウォーターマーク')}</h1><${Trouble} error=${error} /><p class="empty">${t('Reading…', '読み込み中…')}</p>`;
  const tables = data.tables.filter((x) => own || !isOwn(x.topics || []) && !x.table.startsWith('alert.'));
  const groups = data.groups.filter((g) => own || !isOwn(g.topics));
  const hidden = data.groups.length - groups.length;
  return html`<h1 class="hidden">${t('Watermarks', 'ウォーターマーク')}</h1><${Trouble} error=${error} />
    <div class="stack">${groups.map((g, i) => html`<${Group} key=${g.topics.join() + g.time + g.delayMs} group=${g} answer=${data} />`)}
    ${groups.length === 0 && html`<p class="empty">${t('No table of this project has a WATERMARK.', 'WATERMARK のあるテーブルはありません。')}</p>`}
    <${Windows} tables=${tables} answer=${data} />
    ${(hidden > 0 || tables.length < data.tables.length || own) && html`<p><button type="button" aria-pressed=${String(own)} onClick=${() => setOwn(!own)}>${t("alerts' windows and nagare's own topics, too", 'アラートと nagare 自身のトピックも表示')}</button></p>`}</div>`;
}

export default { id: 'watermarks', title: ['Watermarks', 'ウォーターマーク'], View };
