// Incidents with their evidence, silences, what an Alertmanager told, and the webhooks that are told.
import { html, use, useEffect, useRef, useState } from '../lib/ui.js';
import { get, post, send } from '../lib/api.js';
import { t, language, number, plural, seconds, time } from '../lib/words.js';
import { usePoll } from '../lib/poll.js';
import { Grid, Pill, word } from '../lib/grid.js';
import { Num, Question, Command, quoted, inAPI, inStatus, every } from '../lib/question.js';
import { Saves } from '../lib/save.js';
import { Panel, Trouble } from '../lib/panel.js';
import { to, go } from '../lib/route.js';

// Links in what webhooks are told lead to /?incident=ID.
const linked = new URLSearchParams(location.search).get('incident');
if (linked && !location.hash) location.hash = to('alerts', { incident: linked });

const severity = { critical: 0, warning: 1, info: 2 };
const order = (a, b) => (severity[a.severity] ?? 1) - (severity[b.severity] ?? 1) || (a.time < b.time ? 1 : -1);
const sinceOf = (i) => i.resolvedAt || i.firedAt || i.activeAt;
// link keeps addresses that others told to those that a browser opens as a page.
const link = (url) => (/^https?:\/\//i.test(url || '') ? url : null);

const Chips = ({ labels }) => html`<span class="chips">${Object.entries(labels || {}).sort().map(([k, v]) => html`<span class="chip" key=${k}>${k}=${v}</span>`)}</span>`;

// Evidence is the rows that were breaches, with links to their records.
function Evidence({ rows }) {
  if (!rows || !rows.length) return null;
  const names = [...new Set(rows.flatMap((e) => Object.keys(e.row || {})))];
  const text = (v) => (v === null || v === undefined ? null : typeof v === 'object' ? JSON.stringify(v) : String(v));
  const columns = [
    { name: 'time', title: t('Event time', 'イベント時刻'), of: (e) => e.time, draw: (e) => time(e.time) },
    { name: 'where', title: t('Record', 'レコード'), of: (e) => (e.topic ? `${e.topic}/${e.partition}@${e.offset}` : e.from), draw: (e) => (e.topic ? html`<a href=${to('topics', { topic: e.topic, partition: e.partition, offset: e.offset })}>${e.topic}/${e.partition}@${e.offset}</a>` : html`<a href=${to('sql', { q: 'SELECT * FROM ' + quoted(e.from) + ' LIMIT 100' })}>${e.from}</a>`) },
    ...names.map((name) => ({ name, title: name, num: rows.every((e) => typeof e.row[name] === 'number'), of: (e) => (typeof e.row[name] === 'number' ? e.row[name] : text(e.row[name])), draw: (e) => (typeof e.row[name] === 'number' ? number(e.row[name], 2) : text(e.row[name]) ?? 'NULL') })),
  ];
  return html`<${Grid} columns=${columns} rows=${rows.map((e, i) => ({ ...e, i, row: e.row || {} }))} keyOf=${(e) => (e.topic || '') + e.partition + '@' + e.offset + e.time + e.i} label=${t('Evidence', '証拠')} name="evidence" />`;
}

function Details({ incident, onSilence }) {
  // The engine tells of a change before topic system-alerts has it, and the history is of the topic: until it has this
  // change, too, it is read again.
  const told = useRef(false);
  const { data: a, error } = usePoll('/api/alerts/' + encodeURIComponent(incident.id), told.current ? Infinity : 1000);
  told.current = !!a && a.history.some((h) => h.state === incident.state);
  const evidence = incident.evidence || (a && a.incident.evidence);
  return html`<div class="inner"><p>${incident.description}</p><${Trouble} error=${error} />
    ${a && html`<div><h3>${t('How it came about', '経過')}</h3><ol class="steps">${a.history.map((h, i) => html`<li key=${i}><${Pill} state=${h.state} /> ${time(h.time)} · <${Num} ask=${inAPI('/api/alerts/' + encodeURIComponent(incident.id), ['history', i, 'breaches'], '', { command: 'nagare alerts show ' + incident.id + ' -o json' })}>${number(h.breaches)}<//> ${t(plural(h.breaches, 'breach', 'breaches'), '件')}</li>`)}</ol></div>`}
    ${evidence && html`<div><h3>${t(`Evidence: the first rows and the newest, ${evidence.length} of ${number(incident.breaches)}`, `証拠：最初と最新の ${evidence.length} / ${number(incident.breaches)} 行`)}</h3><${Evidence} rows=${evidence} /></div>`}
    ${a && a.queryNote && html`<p class="note">${a.queryNote}</p>`}
    ${a && a.query && html`<div class="foot"><${Question} sql=${a.query} /></div>`}
    <div class="foot"><${Command} command=${'nagare alerts show ' + incident.id} href=${'/api/alerts/' + encodeURIComponent(incident.id)} />
      ${incident.notify && incident.notify.length > 0 && html`<span>${t('told to', '通知先')} ${incident.notify.join(', ')}</span>`}
      ${incident.state !== 'resolved' && html`<button type="button" onClick=${() => onSilence({ alertname: incident.alert, ...incident.labels })}>${t('Silence…', 'サイレンス…')}</button>`}</div></div>`;
}

function Incident({ incident, open, now, onSilence, silenced }) {
  const i = incident;
  return html`<li class=${'incident ' + (i.state === 'resolved' ? 'resolved' : i.severity || '')}>
    <button type="button" class="open" aria-expanded=${String(open)} onClick=${() => go('alerts', { incident: open ? undefined : i.id })}>
      <span><${Pill} state=${i.state} kind=${i.state === 'firing' && i.severity === 'info' ? 'wait' : i.state === 'firing' && i.severity === 'warning' ? 'warn' : undefined} /></span>
      <span class="summary">${i.summary}</span>
      <span class="when">${i.state === 'resolved' ? time(i.firedAt || i.activeAt) + ' – ' + time(i.resolvedAt) : t('since ', '開始 ') + time(sinceOf(i))}</span>
      <span class="chips"><span class="chip">${i.alert}</span>${i.severity && html`<span class="chip">${word(i.severity)}</span>`}<${Chips} labels=${i.labels} />${silenced && html`<span class="chip">${t('silenced', 'サイレンス中')}</span>`}<span class="note">${number(i.breaches)} ${t(plural(i.breaches, 'breach', 'breaches'), '件の違反')}</span></span>
    </button>
    ${open && html`<${Details} incident=${i} onSilence=${onSilence} />`}</li>`;
}

const matches = (silence, labels) => silence.status.state === 'active' && silence.matchers.every((m) => {
  const v = labels[m.name] || '';
  let is = v === m.value;
  if (m.isRegex) try { is = new RegExp('^(?:' + m.value + ')$').test(v); } catch { is = false; }
  return is === m.isEqual;
});

const quotedMatcher = (m) => m.name + (m.isEqual ? '=' : '!') + (m.isRegex ? '~' : m.isEqual ? '' : '=') + m.value;

// parse reads matchers as the command has them: name=value, !=, =~, !~, one a line.
function parse(text) {
  return text.split('\n').map((l) => l.trim()).filter(Boolean).map((line) => {
    const m = /^([A-Za-z_][\w.]*)\s*(=~|!~|!=|=)\s*(.*)$/.exec(line);
    if (!m) throw new Error(t(`"${line}" is no matcher: write name=value, name!=value, name=~regex or name!~regex`, `「${line}」は条件ではありません：name=value, name!=value, name=~regex, name!~regex`));
    return { name: m[1], value: m[3].replace(/^"(.*)"$/, '$1'), isRegex: m[2].endsWith('~'), isEqual: !m[2].startsWith('!') };
  });
}

const incidentColumns = ['id', 'alert', 'state', 'severity', 'labels', 'summary', 'breaches', 'activeAt', 'firedAt', 'resolvedAt'];
const spans = [['30m', 30], ['1h', 60], ['2h', 120], ['8h', 480], ['1d', 1440], ['7d', 10_080]];

function SilenceForm({ labels, onDone }) {
  const [f, set] = useState({ matchers: Object.entries(labels).map(([k, v]) => k + '=' + v).join('\n'), minutes: 120, by: '', comment: '' });
  const [error, setError] = useState(null), [busy, setBusy] = useState(false);
  const put = (name) => (e) => set({ ...f, [name]: e.target.value });
  const make = async (e) => {
    e.preventDefault();
    setBusy(true);
    try {
      const now = Date.now();
      await post('/api/silences', { matchers: parse(f.matchers), startsAt: new Date(now).toISOString(), endsAt: new Date(now + f.minutes * 60_000).toISOString(), createdBy: f.by || t('the page', 'ページ'), comment: f.comment });
      onDone(true);
    } catch (err) { setError(err); }
    setBusy(false);
  };
  return html`<form class="silence" onSubmit=${make} aria-label=${t('New silence', '新しいサイレンス')}>
    <label class="wide">${t('Matchers, one a line: incidents that match all of them are not told', '条件（1 行に 1 つ）：すべてに一致するものは通知されません')}
      <textarea rows=${Math.max(2, f.matchers.split('\n').length)} class="mono" value=${f.matchers} onInput=${put('matchers')} spellcheck="false"></textarea></label>
    <label>${t('For', '期間')} <select value=${f.minutes} onChange=${(e) => set({ ...f, minutes: Number(e.target.value) })}>${spans.map(([name, m]) => html`<option key=${m} value=${m}>${name}</option>`)}</select></label>
    <label>${t('By', '作成者')} <input value=${f.by} onInput=${put('by')} autocomplete="name" /></label>
    <label>${t('Why', '理由')} <input value=${f.comment} onInput=${put('comment')} /></label>
    <p class="row"><button type="submit" class="main" disabled=${busy || !f.matchers.trim()}>${t('Silence', 'サイレンスを作成')}</button> <button type="button" onClick=${() => onDone(false)}>${t('Leave it', 'やめる')}</button></p>
    <div class="wide"><${Trouble} error=${error} /></div></form>`;
}

function Silences({ silences, again, form, setForm }) {
  const [error, setError] = useState(null);
  const end = (id) => send('DELETE', '/api/silences/' + encodeURIComponent(id)).then(() => { setError(null); again(); }, setError);
  const columns = [
    { name: 'state', title: t('State', '状態'), of: (s) => s.status.state, draw: (s) => html`<${Pill} state=${s.status.state} />` },
    { name: 'matchers', title: t('Matchers', '条件'), wrap: true, of: (s) => s.matchers.map(quotedMatcher).join(' '), draw: (s) => html`<span class="chips">${s.matchers.map((m, i) => html`<span class="chip" key=${i}>${quotedMatcher(m)}</span>`)}</span>` },
    { name: 'startsAt', title: t('From', '開始'), of: (s) => s.startsAt, draw: (s) => time(s.startsAt) },
    { name: 'endsAt', title: t('Until', '終了'), of: (s) => s.endsAt, draw: (s) => time(s.endsAt, new Date()) },
    { name: 'createdBy', title: t('By', '作成者'), of: (s) => s.createdBy },
    { name: 'comment', title: t('Why', '理由'), wrap: true, of: (s) => s.comment },
    { name: 'id', title: '', of: (s) => s.id, draw: (s) => (s.status.state === 'expired' ? '' : html`<button type="button" onClick=${() => end(s.id)}>${t('End', '終了する')}</button>`) },
  ];
  const rank = { active: 0, pending: 1, expired: 2 };
  return html`<${Panel} wide id="silences" title=${t('Silences', 'サイレンス')} note=${t('what matches is kept back from webhooks, and shown here all the same', '一致するものは通知されませんが、ここには表示されます')}
    actions=${!form && html`<button type="button" onClick=${() => setForm({})}>${t('New silence…', '新規…')}</button>`}>
    ${form && html`<${SilenceForm} key=${JSON.stringify(form)} labels=${form} onDone=${(made) => { setForm(null); if (made) again(); }} />`}
    <${Trouble} error=${error} />
    <${Grid} columns=${columns} rows=${[...silences].sort((a, b) => rank[a.status.state] - rank[b.status.state] || (a.endsAt < b.endsAt ? 1 : -1))} keyOf=${(s) => s.id} label=${t('Silences', 'サイレンス')} name="silences" empty=${t('None.', 'ありません。')}
      foot=${html`<${Command} command="nagare alerts silence" href="/api/silences" />`} /><//>`;
}

function Webhooks({ hooks }) {
  if (!hooks || !hooks.length) return null;
  const ask = (name) => (h) => inStatus(['webhooks', { name: h.name }, name]);
  const columns = [
    { name: 'name', title: t('Webhook', 'Webhook'), of: (h) => h.name },
    { name: 'state', title: t('State', '状態'), of: (h) => h.state, draw: (h) => html`<${Pill} state=${h.state} />` },
    { name: 'place', title: t('To', '送信先'), of: (h) => h.place },
    { name: 'form', title: t('Form', '形式'), of: (h) => h.form },
    { name: 'waiting', title: t('Waiting', '待ち'), num: true, of: (h) => h.waiting, ask: ask('waiting'), draw: (h) => number(h.waiting) },
    { name: 'unread', title: t('Unread', '未読'), num: true, of: (h) => h.unread, ask: ask('unread'), draw: (h) => number(h.unread) },
    { name: 'silenced', title: t('Silenced', 'サイレンス'), num: true, of: (h) => h.silenced, ask: ask('silenced'), draw: (h) => number(h.silenced) },
    { name: 'firing', title: t('Knows firing', '発生中 (既知)'), num: true, of: (h) => h.firing, ask: ask('firing'), draw: (h) => number(h.firing) },
    { name: 'lastSuccess', title: t('Last success', '最終成功'), of: (h) => h.lastSuccess, draw: (h) => time(h.lastSuccess) },
    { name: 'lastError', title: t('Last error', '最終エラー'), wrap: true, of: (h) => h.lastError, draw: (h) => (h.lastError ? `${time(h.lastErrorAt)} ${h.lastError}` : '–') },
  ];
  return html`<${Panel} wide title=${t('Webhooks', 'Webhook')} note=${t('who is told, and what waits for them', '通知先と未配信')}>
    <${Grid} columns=${columns} rows=${hooks} keyOf=${(h) => h.name} label="Webhooks" name="webhooks" foot=${html`<${Command} command="nagare status" href="/api/status" />`} /><//>`;
}

function External({ all }) {
  if (!all || !all.length) return null;
  const columns = [
    { name: 'status', title: t('State', '状態'), of: (e) => e.status, draw: (e) => html`<${Pill} state=${e.status} />` },
    { name: 'alert', title: t('Alert', 'アラート'), of: (e) => e.labels.alertname, draw: (e) => (link(e.generatorURL) ? html`<a href=${link(e.generatorURL)} rel="noreferrer noopener">${e.labels.alertname || '–'}</a>` : e.labels.alertname || '–') },
    { name: 'summary', title: t('Summary', '概要'), wrap: true, of: (e) => (e.annotations || {}).summary || (e.annotations || {}).description },
    { name: 'labels', title: t('Labels', 'ラベル'), wrap: true, of: (e) => Object.entries(e.labels).map(([k, v]) => k + '=' + v).join(' '), draw: (e) => html`<${Chips} labels=${e.labels} />` },
    { name: 'startsAt', title: t('Since', '開始'), of: (e) => e.startsAt, draw: (e) => time(e.startsAt, e.receivedAt) },
    { name: 'receivedAt', title: t('Told', '受信'), of: (e) => e.receivedAt, draw: (e) => time(e.receivedAt) + (e.timedOut ? t(' (not told again)', '（再通知なし）') : '') },
  ];
  return html`<${Panel} wide title=${t("Others' alerts", '外部のアラート')} note=${t('told by an Alertmanager to POST /api/alerts', 'Alertmanager から受信')}>
    <${Grid} columns=${columns} rows=${all} keyOf=${(e) => e.groupKey + e.fingerprint + JSON.stringify(e.labels)} label=${t("Others' alerts", '外部のアラート')} name="external" foot=${html`<${Command} command="nagare alerts list" href="/api/alerts" />`} /><//>`;
}

function Rules({ alerts, now }) {
  const at = (a, path, op) => inAPI('/api/alerts', ['alerts', alerts.indexOf(a), ...path], '', { op });
  const columns = [
    { name: 'name', title: t('Rule', 'ルール'), of: (a) => a.rule.name },
    { name: 'reads', title: t('Reads', '参照'), of: (a) => a.rule.from, draw: (a) => html`<a href=${to('sql', { q: 'SELECT * FROM ' + quoted(a.rule.from) + ' LIMIT 100' })}>${a.rule.from}</a>` },
    { name: 'firing', title: t('Firing', '発生中'), num: true, of: (a) => a.incidents.filter((i) => i.state === 'firing').length, ask: (a) => at(a, ['incidents', { state: 'firing' }], 'count') },
    { name: 'pending', title: t('Pending', '保留'), num: true, of: (a) => a.incidents.filter((i) => i.state === 'pending').length, ask: (a) => at(a, ['incidents', { state: 'pending' }], 'count') },
    { name: 'for', title: t('For', '継続条件'), num: true, of: (a) => a.rule.for / 1e6, draw: (a) => (a.rule.for ? seconds(a.rule.for / 1e6) : t('at once', '即時')) },
    { name: 'keepFiring', title: t('Keeps firing', '継続発生'), num: true, of: (a) => a.rule.keepFiring / 1e6, draw: (a) => (a.rule.keepFiring ? seconds(a.rule.keepFiring / 1e6) : '–') },
    { name: 'watermark', title: t('Looked at up to', '評価済み時刻'), of: (a) => (a.watermark > -9e15 ? new Date(a.watermark / 1000).toISOString() : null), ask: (a) => ({ ...at(a, ['watermark']), unit: 'time' }), draw: (a) => time(a.watermark, now) },
    { name: 'overflow', title: t('Overflow', '溢れ'), num: true, of: (a) => a.overflow, ask: (a) => at(a, ['overflow']), draw: (a) => number(a.overflow) },
  ];
  return html`<${Panel} wide title=${t('Rules', 'ルール')} note=${t('alert.<name> in spark-pipeline.yml', 'spark-pipeline.yml の alert.<name>')}>
    <${Grid} tall columns=${columns} rows=${alerts} keyOf=${(a) => a.rule.name} label=${t('Rules', 'ルール')} name="rules" foot=${html`<${Command} command="nagare alerts list" href="/api/alerts" />`} /><//>`;
}

function View({ params }) {
  use(language);
  const { data, error } = usePoll('/api/alerts?all=true', 2000), { data: silences, error: failed, again } = usePoll('/api/silences', 3000);
  const [state, setState] = useState('firing'), [form, setForm] = useState(null), [found, setFound] = useState(null);
  const now = data ? data.alerts.flatMap((a) => a.incidents) : [], ended = data && data.ended ? data.ended.incidents : [];
  const all = { firing: now.filter((i) => i.state === 'firing').sort(order), pending: now.filter((i) => i.state === 'pending').sort(order), resolved: ended };
  const wanted = params.incident && Object.values(all).flat().find((i) => i.id === params.incident);
  // One that is in no list, as one that ended long ago, is asked for by its id.
  useEffect(() => { if (params.incident && data && !wanted) get('/api/alerts/' + encodeURIComponent(params.incident)).then((a) => setFound(a.incident), setFound); else setFound(null); }, [params.incident, !!data, !!wanted]);
  useEffect(() => { if (wanted) setState(wanted.state); }, [params.incident, wanted && wanted.state]);
  const from = useRef(null); // what opened the form, where the focus goes back to
  useEffect(() => {
    const panel = document.getElementById('silences');
    if (form && panel) {
      from.current = document.activeElement;
      panel.scrollIntoView({ block: 'nearest' });
      panel.querySelector('textarea').focus();
    } else if (from.current) {
      (from.current.isConnected && from.current !== document.body ? from.current : panel.querySelector('.actions button')).focus();
      from.current = null;
    }
  }, [form]);
  const shown = found && found.id ? [found] : all[state];
  const most = 200;
  const tab = (name, text, n) => html`<button type="button" aria-pressed=${String(state === name)} onClick=${() => { setState(name); if (params.incident) go('alerts'); }}>${text}</button>
    <${Num} ask=${name === 'resolved' ? inAPI('/api/alerts?all=true', ['ended', 'total']) : inAPI('/api/alerts', ['alerts', every, 'incidents', { state: name }], '', { op: 'count' })}>${number(n)}<//>`;
  if (data && !data.alerts.length && !(data.external || []).length) {
    return html`<h1 class="hidden">${t('Alerts', 'アラート')}</h1><p class="empty">${t('The project has no alerts: add alert.<name>.from to spark-pipeline.yml.', 'アラートがありません。spark-pipeline.yml に alert.<name>.from を追加してください。')}</p>`;
  }
  return html`<h1 class="hidden">${t('Alerts', 'アラート')}</h1><${Trouble} error=${error} /><div class="stack">
    <${Panel} wide title=${t('Incidents', 'インシデント')} actions=${data && html`${tab('firing', t('Firing', '発生中'), all.firing.length)}${tab('pending', t('Pending', '保留'), all.pending.length)}${tab('resolved', t('Resolved', '解消'), data.ended ? data.ended.total : 0)}`}>
      <${Trouble} error=${found instanceof Error ? found : null} />
      ${!data && html`<p class="empty">${t('Reading…', '読み込み中…')}</p>`}
      ${data && shown.length === 0 && html`<p class="calm">${state === 'firing' ? t('No alert fires.', '発生中のアラートはありません。') : t('None.', 'ありません。')}</p>`}
      <ul class="incidents">${shown.slice(0, most).map((i) => html`<${Incident} key=${i.id + i.state} incident=${i} open=${params.incident === i.id || i === found} onSilence=${setForm} silenced=${(silences || []).some((s) => matches(s, { alertname: i.alert, severity: i.severity, ...i.labels }))} />`)}</ul>
      ${shown.length > most && html`<p class="note">${t(`the first ${most} of ${number(shown.length)}`, `最初の ${most} / ${number(shown.length)}`)}</p>`}
      <div class="foot"><${Question} sql=${'SELECT * FROM `system-alerts` ORDER BY timestamp DESC LIMIT 100'} /><${Command} command="nagare alerts list" href="/api/alerts?all=true" />
        <${Saves} name="incidents" columns=${incidentColumns} rows=${shown.map((i) => [i.id, i.alert, i.state, i.severity, Object.entries(i.labels || {}).map(([k, v]) => k + '=' + v).join(' '), i.summary, i.breaches, i.activeAt, i.firedAt, i.resolvedAt])} /></div><//>
    <${Trouble} error=${failed} />
    ${silences && html`<${Silences} silences=${silences} again=${again} form=${form} setForm=${setForm} />`}
    ${data && html`<${Webhooks} hooks=${data.webhooks} /><${External} all=${data.external} /><${Rules} alerts=${data.alerts} />`}</div>`;
}

export default { id: 'alerts', title: ['Alerts', 'アラート'], View };
