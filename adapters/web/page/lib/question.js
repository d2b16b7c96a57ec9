// Every number leads to the question that gives it: a SELECT, which opens in the SQL view, or a command with the place
// of the number in its JSON, which is shown with what it gives now.
import { html, signal, use, useEffect, useRef, useState } from './ui.js';
import { get } from './api.js';
import { t, language } from './words.js';
import { to } from './route.js';

// quoted is a name as SQL has it.
export const quoted = (name) => '`' + name.replace(/`/g, '``') + '`';

// sqlText is a text as a literal of SQL.
export const sqlText = (text) => "'" + text.replace(/\\/g, '\\\\').replace(/'/g, "\\'") + "'";

// literal is the text of a cell as a value of its type.
export function literal(text, type) {
  if (text === null) return 'NULL';
  if (type === 'string') return sqlText(text);
  if (/^(tinyint|smallint|int|bigint)$/.test(type)) return text;
  return 'CAST(' + sqlText(text) + ' AS ' + type.toUpperCase() + ')';
}

// equals is the condition that a column has the text of a cell.
export function equals(column, text, type) {
  if (text === null) return quoted(column) + ' IS NULL';
  if (/^(struct|array|map|binary)/.test(type)) return 'to_json(' + quoted(column) + ') = ' + sqlText(text);
  return quoted(column) + ' = ' + literal(text, type);
}

// queryPath is where the API gives the rows of a statement.
export const queryPath = (sql) => '/api/query?sql=' + encodeURIComponent(sql);

// shellQuoted is a text as an argument of a command.
export const shellQuoted = (text) => (/^[\w.:@%+,=\/-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'");

export const queryCommand = (sql) => 'nagare query ' + shellQuoted(sql);

// A question is {sql, unit} or {command, api, path, op, unit, note}. path leads from the answer to the number: names,
// numbers of places, {name: value} for the elements of a list that have these values ({not: [values]}: none of these), every for all elements. op makes one
// number of several: add, max, min, mean, count; length is that of one list. unit is that of the answer: 'B', 's', 'ms', 'µs', '%', 'time' (µs since 1970
// or a timestamp), or none.
export const every = '*every*';
export const inSQL = (sql, unit) => ({ sql, unit });
export const inStatus = (path, unit, more) => ({ command: 'nagare status -o json', api: '/api/status', path, unit, ...more });
export const inTop = (path, unit, more) => ({ command: 'nagare top -o json', under: 'monitor', api: '/api/monitor', path, unit, ...more });
export const inTopics = (path, unit, more) => ({ command: 'nagare topics list -o json', api: '/api/topics', path, unit, ...more });
export const inAPI = (api, path, unit, more) => ({ command: 'curl -s ' + shellQuoted(location.origin + api), api, path, unit, ...more });

// recordsOf asks how many records a topic has. Those that are no table or topic of the project, or are not counted one
// by one, no SELECT counts.
export const recordsOf = (x) => (x.about || x.role === 'table' ? inTopics([{ name: x.name }, 'records']) : inSQL('SELECT count(*) AS records FROM ' + quoted(x.name)));

// condition is a value, or {not: [values]}, of a name as jq has it.
const condition = (name, v) => (v && v.not ? '(' + name + ' | IN(' + v.not.map((x) => JSON.stringify(x)).join(', ') + ') | not)' : name + ' == ' + JSON.stringify(v));

// filter is a path as jq has it.
export function filter(path, op) {
  const name = (n) => (/^[A-Za-z_]\w*$/.test(n) ? '.' + n : '[' + JSON.stringify(n) + ']');
  let text = '', piped = false; // piped: a new filter begins
  for (const at of path) {
    const piece = at === every ? '[]' : typeof at === 'number' ? '[' + at + ']' : typeof at === 'string' ? name(at)
      : '[] | select(' + Object.entries(at).map(([k, v]) => condition((/^\./.test(name(k)) ? '' : '.') + name(k), v)).join(' and ') + ')';
    text += (piped ? ' | ' : '') + ((piped || !text) && piece[0] !== '.' ? '.' : '') + piece;
    piped = typeof at === 'object';
  }
  if (!op) return text || '.';
  if (op === 'length') return (text ? text + ' | ' : '') + op;
  return '[' + text + ' | values] | ' + ({ mean: 'add / length', count: 'length' }[op] || op);
}

// commandOf is a question as one types it in a shell.
export function commandOf(ask) {
  if (ask.sql) return queryCommand(ask.sql);
  if (!ask.path) return ask.command;
  return ask.command + ' | jq ' + shellQuoted(filter(ask.under ? [ask.under, ...ask.path] : ask.path, ask.op));
}

// valueAt is what a question's path leads to in an answer; undefined where it leads nowhere.
export function valueAt(ask, answer) {
  let all = [answer];
  for (const at of ask.path) {
    all = all.flatMap((v) => {
      if (v === null || v === undefined) return [];
      if (at === every) return Object.values(v);
      if (typeof at !== 'object') return [v[at]];
      return Object.values(v).filter((of) => Object.entries(at).every(([k, x]) => (x && x.not ? !x.not.includes(of[k]) : of[k] === x)));
    });
  }
  if (!ask.op) return all[0];
  if (ask.op === 'length') return all[0] && Object.keys(all[0]).length;
  const numbers = all.filter((v) => v !== null && v !== undefined), sum = () => numbers.reduce((a, b) => a + b, 0);
  if (ask.op === 'count') return numbers.length;
  if (!numbers.length) return undefined;
  if (ask.op === 'add' || ask.op === 'mean') return ask.op === 'add' ? sum() : sum() / numbers.length;
  return numbers.reduce((a, b) => ((ask.op === 'max' ? a < b : b < a) ? b : a));
}

// asked is the question that is shown with its command, or null; Asked shows it.
const asked = signal(null);

// Num is a number with its question. Without one, or where there is no number, it is its text alone.
export function Num({ ask, children }) {
  if (!ask || children === '–') return children;
  const more = { class: 'asked', title: commandOf(ask), 'data-ask': JSON.stringify(ask) };
  if (ask.sql) return html`<a ...${more} href=${to('sql', { q: ask.sql })}>${children}</a>`;
  return html`<button type="button" ...${more} onClick=${(e) => { e.stopPropagation(); asked.value = ask; }}>${children}</button>`;
}

const units = { B: ['bytes', 'バイト'], s: ['seconds', '秒'], ms: ['milliseconds', 'ミリ秒'], 'µs': ['microseconds', 'マイクロ秒'], time: ['µs since 1970', '1970 年からの µs'] };

// Asked is the dialog with the command that gives a number. The page has one.
export function Asked() {
  const ask = use(asked), box = useRef(null), [now, setNow] = useState({});
  use(language);
  useEffect(() => {
    setNow({});
    if (!ask) return undefined;
    if (box.current && !box.current.open) box.current.showModal();
    if (!ask.path) return undefined;
    const busy = new AbortController();
    get(ask.api, { signal: busy.signal }).then((answer) => setNow({ value: valueAt(ask, answer) }), (error) => { if (error.name !== 'AbortError') setNow({ error }); });
    return () => busy.abort();
  }, [ask]);
  if (!ask) return null;
  const close = () => { if (box.current) box.current.close(); asked.value = null; };
  const value = typeof now.value === 'string' || typeof now.value === 'number' ? String(now.value) : JSON.stringify(now.value);
  return html`<dialog ref=${box} class="question-box" onCancel=${close} aria-labelledby="question-title">
    <h2 id="question-title">${t('What gives this number', 'この値を求めるコマンド')}</h2>
    <pre tabindex="0"><code>${commandOf(ask)}</code></pre>
    ${ask.note && html`<p class="note">${ask.note}</p>`}
    ${ask.path && html`<p role="status">${now.error ? now.error.message : value === undefined ? '' : html`${t('It gives now: ', '現在の結果: ')}<b>${value}</b>${units[ask.unit] ? ' ' + t(...units[ask.unit]) : ''}`}</p>`}
    <p class="row"><${Copy} text=${commandOf(ask)} /> <a class="button" href=${ask.api}>JSON</a> <button type="button" onClick=${close}>${t('Close', '閉じる')}</button></p>
  </dialog>`;
}

// Copy puts a text into the clipboard, and says so.
function Copy({ text, quiet }) {
  use(language);
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard && navigator.clipboard.writeText(text).then(() => { setCopied(true); setTimeout(() => setCopied(false), 1500); }, () => {});
  return html`<button type="button" class=${quiet ? 'quiet' : 'main'} onClick=${copy}>${copied ? t('copied', 'コピー済み') : t('copy', 'コピー')}</button>`;
}

// Question is the command that gives the rows of a table or chart, as a link to the SQL view.
export function Question({ sql }) {
  use(language);
  return html`<span class="question"><a href=${to('sql', { q: sql })} title=${t('ask this in the SQL view', 'SQL 画面で開く')}><code>${queryCommand(sql)}</code></a>
    <${Copy} quiet text=${queryCommand(sql)} /></span>`;
}

// Command is a command that gives the same numbers; href: the API's answer with them.
export function Command({ command, href }) {
  use(language);
  return html`<span class="question"><a href=${href} title=${t('the same as JSON', '同じ内容の JSON')}><code>${command}</code></a>
    <${Copy} quiet text=${command} /></span>`;
}

// Downloads are links to the rows of a statement as CSV (safe for spreadsheets) and JSON.
export function Downloads({ sql, name }) {
  use(language);
  const link = (format) => queryPath(sql) + '&format=' + format;
  return html`<span class="downloads"><a href=${link('csv')} download=${name + '.csv'}>CSV</a> <a href=${link('json')} download=${name + '.json'}>JSON</a></span>`;
}
