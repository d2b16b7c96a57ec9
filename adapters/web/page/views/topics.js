// Topics: their records, looked through by the server; late and invalid ones with their reason, to be sent again.
import { html, use, useEffect, useRef, useState } from '../lib/ui.js';
import { post, stream, rows as readRows } from '../lib/api.js';
import { usePoll } from '../lib/poll.js';
import { t, language, number, plural, short, bytes, cell } from '../lib/words.js';
import { Table } from '../lib/table.js';
import { Num, Question, Downloads, quoted, sqlText as text, inTopics, recordsOf } from '../lib/question.js';
import { Panel, Trouble } from '../lib/panel.js';
import { Dialog } from '../lib/dialog.js';
import { go } from '../lib/route.js';
import { paused } from '../lib/live.js';

const mostShown = 200;
const isKept = (name) => /\$(late|invalid)$/.test(name);

// fieldsOf guesses the fields of JSON values, with the type that fits all of them: the filter may name them.
function fieldsOf(values) {
  const fields = new Map();
  for (const v of values) {
    let object = null;
    try { object = JSON.parse(v); } catch { continue; }
    if (!object || typeof object !== 'object' || Array.isArray(object)) continue;
    for (const [k, x] of Object.entries(object)) {
      const type = typeof x === 'number' ? 'DOUBLE' : typeof x === 'boolean' ? 'BOOLEAN' : x === null ? null : 'STRING';
      if (type && fields.has(k) && fields.get(k) !== type) fields.set(k, 'STRING');
      else if (type) fields.set(k, type);
    }
  }
  return [...fields].slice(0, 200);
}

// question is the SELECT of what is looked for, over the whole topic. A topic of the rows of a table is asked as that
// table, which has no partitions and offsets.
function question(topic, look, fields, table) {
  if (table) return 'SELECT * FROM ' + quoted(topic) + (look.where ? '\nWHERE ' + look.where : '') + '\nLIMIT ' + mostShown;
  const conditions = [];
  if (look.where) conditions.push('(' + look.where + ')');
  if (look.partition !== '' && look.partition !== undefined) conditions.push('partition = ' + Number(look.partition));
  if (look.offset) conditions.push('`offset` >= ' + Number(look.offset));
  if (look.time) conditions.push('timestamp >= TIMESTAMP' + text(look.time));
  const forward = look.offset || look.time;
  const where = conditions.length ? '\nWHERE ' + conditions.join('\n  AND ') : '';
  const order = '\nORDER BY ' + (forward ? (look.offset ? '`offset`, partition' : 'timestamp, partition, `offset`') : 'timestamp DESC, partition, `offset` DESC') + '\nLIMIT ' + mostShown;
  if (isKept(topic)) return 'SELECT * FROM ' + quoted(topic) + where + order;
  const json = look.where && fields.length ? ',\n    from_json(CAST(value AS STRING), ' + text(fields.map(([k, type]) => quoted(k) + ' ' + type).join(', ')) + ') AS json' : '';
  return 'SELECT partition, `offset`, timestamp, key, value FROM (\n  SELECT partition, `offset`, timestamp, CAST(key AS STRING) AS key, CAST(value AS STRING) AS value' + json + ' FROM ' + quoted(topic) + ')' + where + order;
}

// useTail follows a topic: the newest rows and those to come.
function useTail(topic, on) {
  const [got, set] = useState({ columns: [], rows: [] });
  useEffect(() => {
    if (!on) return undefined;
    const busy = new AbortController();
    let drop = null;
    (async () => {
      try {
        const answer = await stream('GET', '/api/tail/' + encodeURIComponent(topic) + '?n=100&format=cells', undefined, { signal: busy.signal });
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '', columns = null, all = [];
        const show = () => { drop = null; if (!paused.peek()) set({ columns, rows: all.slice() }); };
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          const lines = (rest + value).split('\n');
          rest = lines.pop();
          for (const line of lines) {
            if (!line) continue;
            if (!columns) { columns = JSON.parse(line).columns; continue; }
            all.unshift(JSON.parse(line));
          }
          all = all.slice(0, mostShown);
          if (!drop) drop = setTimeout(show, 400); // a fast topic is drawn a few times a second
        }
      } catch (error) {
        if (error.name !== 'AbortError') set((before) => ({ ...before, error }));
      }
    })();
    return () => { busy.abort(); clearTimeout(drop); };
  }, [topic, on]);
  return got;
}

function List({ topics, at }) {
  use(language);
  const groups = [['source', t('Sources', '入力')], ['output', t('Outputs', '出力')], ['kept', t('Left out', '除外')], ['metrics', t('Of the process', 'プロセス')], ['other', t('Others', 'その他')], ['table', t('Rows of tables', 'テーブルの行')]];
  const groupOf = (x) => (isKept(x.name) ? 'kept' : x.role);
  const shown = topics.filter((x) => groupOf(x) !== 'kept' || x.records > 0 || x.name === at);
  return html`<nav class="topics-list" aria-label=${t('Topics', 'トピック')}>${groups.map(([id, word]) => {
    const list = shown.filter((x) => groupOf(x) === id);
    return list.length > 0 && html`<div key=${id}><h3>${word}</h3><ul>${list.map((x) => html`<li key=${x.name}><a href=${'#/topics?topic=' + encodeURIComponent(x.name)} aria-current=${x.name === at ? 'true' : null} class=${id === 'kept' ? 'kept' : ''}><span>${x.name}</span></a><b><${Num} ask=${recordsOf(x)}>${(x.about ? '≈' : '') + short(x.records)}<//></b></li>`)}</ul></div>`;
  })}</nav>`;
}

// Resend asks before it sends, and says where to.
function Resend({ ask, done }) {
  use(language);
  const last = useRef(null), [state, set] = useState({});
  useEffect(() => { if (state.sent || state.error) last.current.focus(); }, [state]);
  const send = async () => {
    set({ busy: true });
    try { set({ sent: await post(ask.path, { ...ask.body, topic: ask.dry.topic }) }); } catch (error) { set({ error }); }
  };
  const d = ask.dry;
  return html`<${Dialog} label="resend-title" onCancel=${done}>
    <h2 id="resend-title">${state.sent ? t('Sent again', '再送しました') : t(`Send ${number(d.records)} ${plural(d.records, 'record', 'records')} again?`, `${number(d.records)} 件を再送しますか`)}</h2>
    <${Trouble} error=${state.error} />
    ${state.sent ? html`<p role="status"><b>${number(state.sent.records)}</b> ${t(plural(state.sent.records, 'record is durable in topic', 'records are durable in topic'), '件がトピックに保存されました:')} <code>${state.sent.topic}</code> (${bytes(state.sent.bytes)}).</p>`
      : html`<p>${t('From', '元')} <code>${d.from}</code> ${t('to the end of topic', '→ トピックの末尾')} <code>${d.topic}</code>${t(', each to the partition that it came from, with its key, value and headers', '。各レコードは元のパーティションへ、キー、値、ヘッダーのまま')} (${bytes(d.bytes)}).</p>
        ${d.copies > 0 && html`<p>${number(d.copies)} ${t('are gone from the topic and are sent as they were kept, without headers.', '件はトピックから消えているため、保管された内容で送ります（ヘッダーなし）。')}</p>`}
        ${d.note && html`<p class="note">${t('Mind: ', '注意: ')}${d.note}.</p>`}`}
    <p class="row">${!state.sent && html`<button type="button" class="main" disabled=${state.busy || d.records === 0} onClick=${send}>${t('Send them again', '再送する')}</button>`} <button type="button" ref=${last} onClick=${done}>${state.sent ? t('Close', '閉じる') : t('Leave it', 'やめる')}</button></p>
  <//>`;
}

// Kept shows late or invalid rows, to be chosen.
function Kept({ name, got, look, sql }) {
  use(language);
  const [chosen, choose] = useState({}), [ask, setAsk] = useState(null), [error, setError] = useState(null);
  const at = (c) => got.columns.findIndex((x) => x.name === c);
  const place = (row) => row[at('partition')] + '/' + row[at('offset')];
  const picked = got.rows.filter((r) => chosen[place(r)]);
  const path = '/api/topics/' + encodeURIComponent(name) + '/resend';
  const whole = [look.where && '(' + look.where + ')', look.partition !== '' && look.partition !== undefined && 'partition = ' + Number(look.partition), look.offset && '`offset` >= ' + Number(look.offset), look.time && 'timestamp >= TIMESTAMP' + text(look.time)].filter(Boolean).join(' AND ') || 'true';
  const start = async (body) => {
    setError(null);
    try { setAsk({ path, body, dry: await post(path, { ...body, dry: true }) }); } catch (err) { setError(err); }
  };
  const names = got.columns.map((c) => c.name).filter((c) => c !== 'value_base64' || got.rows.some((r) => r[at('value_base64')] !== null));
  return html`<${Trouble} error=${error} />
    <div class="row resend"><button type="button" disabled=${picked.length === 0} onClick=${() => start({ records: picked.map((r) => ({ partition: Number(r[at('partition')]), offset: Number(r[at('offset')]) })) })}>${t('Send again: chosen', '再送: 選択')} (${picked.length})</button>
      <button type="button" disabled=${got.rows.length === 0} onClick=${() => start({ where: whole })}>${look.where || look.partition || look.offset || look.time ? t('Send again: all that fit', '再送: 条件に合うすべて') : t('Send again: all', '再送: すべて')}</button></div>
    <div class="table"><div class="scroll tall" tabindex="0" role="region" aria-label=${name}><table><thead><tr><th scope="col"><span class="hidden">${t('Choose', '選択')}</span></th>${names.map((c) => html`<th key=${c} scope="col">${c}</th>`)}</tr></thead>
      <tbody>${got.rows.map((row) => html`<tr key=${place(row)}><td><input type="checkbox" aria-label=${t('Choose', '選択') + ' ' + place(row)} checked=${!!chosen[place(row)]} onChange=${(e) => choose({ ...chosen, [place(row)]: e.target.checked })} /></td>
        ${names.map((c) => html`<td key=${c} class=${c === 'reason' ? 'wrap' : c === 'value' ? 'value' : ''} title=${c === 'value' ? row[at(c)] : null}>${cell(row[at(c)], got.columns[at(c)].type)}</td>`)}</tr>`)}</tbody></table>
      ${got.rows.length === 0 && html`<p class="empty">${t('Nothing was left out.', '除外はありません。')}</p>`}</div>
      <div class="foot"><${Question} sql=${sql} /><${Downloads} sql=${sql} name=${name} /></div></div>
    ${ask && html`<${Resend} ask=${ask} done=${() => { setAsk(null); choose({}); }} />`}`;
}

function Viewer({ topic, params, info }) {
  use(language);
  const look = { where: params.where || '', partition: params.partition || '', offset: params.offset || '', time: params.time || '' };
  const looking = look.where || look.partition || look.offset || look.time;
  const kept = isKept(topic), follow = !looking && !kept;
  const [form, setForm] = useState(look), [pause, setPause] = useState(false), [held, hold] = useState(null), [fields, setFields] = useState([]);
  const [found, setFound] = useState({ columns: [], rows: [] }), [open, setOpen] = useState(null), [count, again] = useState(0);
  const tail = useTail(topic, follow);
  useEffect(() => setForm(look), [topic, look.where, look.partition, look.offset, look.time]);
  useEffect(() => {
    if (kept) { setFields([]); return undefined; }
    const busy = new AbortController();
    readRows('/api/tables/' + encodeURIComponent(topic) + '?limit=50', { signal: busy.signal }).then((got) => {
      const at = got.columns.findIndex((c) => c.name === 'value');
      setFields(at < 0 ? [] : fieldsOf(got.rows.map((r) => r[at])));
    }, () => setFields([]));
    return () => busy.abort();
  }, [topic]);
  const table = !kept && info && info.role === 'table';
  const sql = question(topic, look, fields, table);
  const ready = kept || table || !look.where || fields.length > 0;
  useEffect(() => {
    if (follow || !ready) return undefined;
    const busy = new AbortController();
    setFound((f) => ({ ...f, loading: true, error: null }));
    readRows('/api/query', { method: 'POST', body: sql, signal: busy.signal }).then(setFound, (error) => { if (error.name !== 'AbortError') setFound({ columns: [], rows: [], error }); });
    return () => busy.abort();
  }, [sql, follow, ready, count]);
  const got = follow ? (pause && held ? held : tail) : found;
  const apply = (e) => { e.preventDefault(); go('topics', { topic, where: form.where.trim(), partition: form.partition, offset: form.offset, time: form.time.trim() }); };
  const field = (name) => (e) => setForm({ ...form, [name]: e.target.value });
  const row = open !== null ? got.rows.find((r) => r[0] + '/' + r[1] === open) : null;
  return html`<${Panel} title=${topic} note=${info ? html`<${Num} ask=${recordsOf(info)}>${number(info.records)}<//>${t(plural(info.records, ' record', ' records'), ' 件')} · <${Num} ask=${inTopics([{ name: topic }, 'partitions'])}>${info.partitions}<//>${t(plural(info.partitions, ' partition', ' partitions'), ' パーティション')} · <${Num} ask=${inTopics([{ name: topic }, 'bytes'], 'B')}>${bytes(info.bytes)}<//> · ${t('kept ', '保持 ') + (info.retention || t('for ever', '無期限'))}` : ''}
    actions=${follow ? html`<button type="button" aria-pressed=${String(pause)} onClick=${() => { hold(tail); setPause(!pause); }}>${pause ? t('Resume', '再開') : t('Pause', '一時停止')}</button>` : html`<button type="button" onClick=${() => again(count + 1)}>${t('Look again', '再検索')}</button>`}>
    <form class="look" onSubmit=${apply}>
      <label class="grow">${t('Filter (SQL, over the whole topic)', '絞り込み（SQL、トピック全体）')} <input value=${form.where} onInput=${field('where')} spellcheck="false" autocomplete="off" placeholder=${kept ? "reason LIKE '%watermark%'" : fields[0] ? `json.${fields[0][0]} = …` : "value LIKE '%…%'"} list="look-fields" /></label>
      ${!table && html`<label>${t('Partition', 'パーティション')} <select value=${form.partition} onChange=${field('partition')}><option value="">${t('all', 'すべて')}</option>${Array.from({ length: info ? info.partitions : 0 }, (_, i) => html`<option key=${i} value=${i}>${i}</option>`)}</select></label>
      <label>${t('From offset', '開始オフセット')} <input value=${form.offset} onInput=${field('offset')} inputmode="numeric" pattern="[0-9]*" /></label>
      <label>${t('From time (UTC)', '開始時刻 (UTC)')} <input value=${form.time} onInput=${field('time')} placeholder="2026-01-31T12:00:00Z" spellcheck="false" /></label>`}
      <button type="submit" class="main">${t('Look', '検索')}</button>
      ${looking && html`<button type="button" onClick=${() => go('topics', { topic })}>${kept ? t('All', 'すべて') : t('Newest', '最新')}</button>`}
    </form>
    ${!kept && fields.length > 0 && html`<p class="note fields">${t('Fields: ', 'フィールド: ')}${fields.slice(0, 24).map(([k, type]) => html`<button key=${k} type="button" class="quiet" title=${type} onClick=${() => setForm({ ...form, where: (form.where ? form.where.trim() + ' AND ' : '') + 'json.' + (/^[A-Za-z_]\w*$/.test(k) ? k : quoted(k)) + ' ' })}>${k}</button>`)}</p>`}
    <${Trouble} error=${got.error} />
    ${got.loading && html`<p class="note" role="status">${t('The whole topic is looked through…', 'トピック全体を検索しています…')}</p>`}
    ${kept ? html`<${Kept} key=${topic} name=${topic} got=${got} look=${look} sql=${sql} />`
      : html`<div class="records"><${Table} columns=${got.columns} rows=${got.rows} label=${topic} sql=${sql} name=${topic} onCell=${(r, c, cells) => setOpen(cells[0] + '/' + cells[1])}
        empty=${got.loading ? ' ' : t('No record.', 'レコードはありません。')} more=${follow ? html`<span>${pause ? t('paused', '一時停止中') : t('as they come', '到着順')}</span>` : html`<span>${t(`at most ${mostShown}`, `最大 ${mostShown} 件`)}</span>`} /></div>`}
    ${row && html`<${Record} topic=${topic} columns=${got.columns} row=${row} close=${() => { setOpen(null); document.querySelector('.records button.cell[tabindex="0"]')?.focus(); }} />`}
  <//>`;
}

// Record is one record, its value as JSON if it is such.
function Record({ topic, columns, row, close }) {
  const of = (name) => row[columns.findIndex((c) => c.name === name)];
  let value = of('value');
  try { value = JSON.stringify(JSON.parse(value), null, 2); } catch { /* it stands as it is */ }
  if (value === undefined) value = JSON.stringify(Object.fromEntries(columns.map((c, i) => [c.name, row[i]])), null, 2);
  return html`<section class="record" aria-label=${t('Record', 'レコード')}><header><b>${of('value') === undefined ? t('Row', '行') : t('partition', 'パーティション') + ' ' + row[0] + ', ' + t('offset', 'オフセット') + ' ' + row[1]}</b> ${of('key') !== undefined && html`<span>${t('key', 'キー')} <code>${of('key') ?? 'NULL'}</code></span>`} <button type="button" class="quiet" onClick=${close}>${t('Close', '閉じる')}</button></header><pre tabindex="0">${value ?? 'NULL'}</pre>
    ${of('value') !== undefined && html`<div class="foot"><${Question} sql=${'SELECT ' + columns.map((c) => (c.name === 'key' || c.name === 'value' ? 'CAST(' + c.name + ' AS STRING) AS ' + c.name : quoted(c.name))).join(', ') + ' FROM ' + quoted(topic) + ' WHERE partition = ' + row[0] + ' AND `offset` = ' + row[1]} /></div>`}</section>`;
}

function Topics({ params }) {
  use(language);
  const { data: topics, error } = usePoll('/api/topics', 3000);
  if (!topics) return html`<${Trouble} error=${error} /><p class="empty">${t('Reading…', '読み込み中…')}</p>`;
  const at = params.topic || (topics.find((x) => x.role === 'source' && !isKept(x.name)) || topics[0] || {}).name;
  const info = topics.find((x) => x.name === at);
  return html`<div class="topics"><${List} topics=${topics} at=${at} />
    ${at ? html`<${Viewer} key=${at} topic=${at} params=${params} info=${info} />` : html`<p class="empty">${t('There is no topic yet.', 'トピックはまだありません。')}</p>`}</div>`;
}

export default { id: 'topics', title: ['Topics', 'トピック'], View: Topics };
