// Requests to the process that serves the page. What it refuses is an Error whose message is its sentence.
import { signal } from './ui.js';

// A Refusal carries the sentence of the server, the HTTP status and the exit code that a command would end with.
export class Refusal extends Error {
  constructor(message, status, exit) {
    super(message);
    this.status = status;
    this.exit = exit;
  }
}

// What changes something shows the token of the data folder. It is asked for when it is first needed, and kept until
// the tab is closed, in this tab alone.
const tokenKey = 'nagare.token';
let token = sessionStorage.getItem(tokenKey) || '';

// wanted is what the server said when it wanted a token: {sentence, give(text), refuse()}, or null. page.js shows it.
export const wanted = signal(null);

function askToken(sentence) {
  return new Promise((give, refuse) => {
    wanted.value = {
      sentence,
      give(text) {
        token = text.trim();
        sessionStorage.setItem(tokenKey, token);
        wanted.value = null;
        give();
      },
      refuse() {
        wanted.value = null;
        refuse(new Refusal(sentence, 401, 1));
      },
    };
  });
}

async function ask(method, path, body, options = {}) {
  const headers = { Accept: 'application/json, text/plain', ...options.headers };
  if (token && method !== 'GET') headers.Authorization = 'Bearer ' + token;
  if (body !== undefined && typeof body !== 'string') {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(body);
  }
  let answer; // a relative path would have the name and password that the page's own address may have been opened with
  try {
    answer = await fetch(location.origin + path, { method, headers, body, signal: options.signal, credentials: 'same-origin' });
  } catch (err) {
    if (err.name === 'AbortError') throw err;
    throw new Refusal('the process does not answer; is it running?', 0, 1);
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let said = { error: text.trim() || answer.status + ' ' + answer.statusText, exit: 1 };
  try { said = { ...said, ...JSON.parse(text) }; } catch { /* a text is its own sentence */ }
  if (answer.status === 401 && method !== 'GET') {
    await askToken(said.error);
    return ask(method, path, body, options);
  }
  throw new Refusal(said.error, answer.status, said.exit);
}

const isJSON = (answer) => (answer.headers.get('Content-Type') || '').startsWith('application/json');
const read = async (answer) => (isJSON(answer) ? answer.json() : answer.text());

// get gives the JSON at a path; what is no JSON as text. options: {signal, headers}.
export const get = async (path, options) => read(await ask('GET', path, undefined, options));

// post sends a body (a string as it is, anything else as JSON).
export const post = async (path, body, options) => read(await ask('POST', path, body, options));

// send is post with another method: PUT, PATCH, DELETE.
export const send = async (method, path, body, options) => read(await ask(method, path, body, options));

// stream is the answer itself, for those who read it piece by piece.
export const stream = (method, path, body, options) => ask(method, path, body, options);

// rows gives {columns: [{name, type}], rows: [[text or null]], open: index of the column "open" or -1} of a path that
// takes ?format=. A failure behind the first row is one, too.
export async function rows(path, options = {}) {
  const url = path + (path.includes('?') ? '&' : '?') + 'format=cells';
  const answer = await ask(options.method || 'GET', url, options.body, options);
  const lines = (await answer.text()).split('\n');
  const columns = lines[0] ? JSON.parse(lines[0]).columns : [];
  const all = [];
  for (let i = 1; i < lines.length; i++) if (lines[i]) all.push(JSON.parse(lines[i]));
  const last = columns.length - 1;
  const open = /[?&]open=true/.test(path) && last >= 0 && /^open_*$/.test(columns[last].name) && columns[last].type === 'boolean' ? last : -1;
  return { columns, rows: all, open };
}
