// SQL as pieces with their kinds, for colours; what the words mean is the server's to say.
import { names } from './names.js';

const piece = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:\\[\s\S]|''|[^'\\])*(?:'|$)|"(?:\\[\s\S]|""|[^"\\])*(?:"|$))|(`(?:``|[^`])*(?:`|$))|(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?[A-Za-z]*|\.\d+)|([\p{L}_][\p{L}\p{N}_]*)|(\s+)|([\s\S])/gu;
const kinds = [null, 'comment', 'string', 'quoted', 'number', 'word', 'space', 'mark'];

// tokens cuts a text into {text, kind, at}: kinds comment, string, quoted, number, keyword, function, dataset, word, space, mark.
export function tokens(text) {
  const n = names.peek();
  const keywords = new Set(n ? n.keywords : []), functions = new Set(n ? n.functions : []), datasets = new Set(n ? n.datasets.map((d) => d.name) : []);
  const all = [];
  for (const m of text.matchAll(piece)) {
    let kind = kinds[m.findIndex((g, i) => i > 0 && g !== undefined)];
    if (kind === 'word') {
      const next = text.slice(m.index + m[0].length).match(/^\s*(.)/u);
      if (next && next[1] === '(' && functions.has(m[0].toLowerCase())) kind = 'function';
      else if (datasets.has(m[0])) kind = 'dataset';
      else if (keywords.has(m[0].toUpperCase())) kind = 'keyword';
    }
    all.push({ text: m[0], kind, at: m.index });
  }
  return all;
}

// offsetOf is the place in a text of a line and column that count characters from 1.
export function offsetOf(text, line, column) {
  const lines = text.split('\n');
  let at = 0;
  for (let i = 0; i < line - 1 && i < lines.length; i++) at += lines[i].length + 1;
  const rest = [...(lines[Math.min(line, lines.length) - 1] || '')].slice(0, column - 1).join('');
  return Math.min(text.length, at + rest.length);
}

// suggestions is the names that begin as the word before a place does, at most so many.
export function suggestions(text, at, most = 8) {
  const n = names.peek(), before = text.slice(0, at).match(/[\p{L}_][\p{L}\p{N}_$-]*$/u);
  if (!n || !before || before[0].length < 2) return { word: '', list: [] };
  const word = before[0].toLowerCase(), found = [];
  const add = (name, kind, insert) => { if (name.toLowerCase().startsWith(word) && name.toLowerCase() !== word && !found.some((f) => f.insert === insert)) found.push({ name, kind, insert }); };
  const quote = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : '`' + name.replace(/`/g, '``') + '`');
  for (const d of n.datasets) add(d.name, d.kind, quote(d.name));
  for (const d of n.datasets) if (text.includes(d.name)) for (const c of d.columns) add(c.name, c.type, quote(c.name));
  for (const f of n.functions) add(f, 'function', f + '(');
  for (const k of n.keywords) add(k, 'keyword', k + ' ');
  return { word: before[0], list: found.slice(0, most) };
}
