// What a changed project fills beside what runs (nagare run --apply), and what changes places once it has.
import { html, use } from './ui.js';
import { t, language, number, seconds } from './words.js';
import { status } from './live.js';
import { Num, inStatus } from './question.js';
import { Panel } from './panel.js';
import { to } from './route.js';

const kinds = () => ({ table: t('table', 'テーブル'), sink: t('sink', 'シンク'), alert: t('alert', 'アラート') });

// becomes is what a part is when the changed project takes over.
function becomes(f) {
  switch (f.change) {
    case 'new': return t('new: it begins with these rows', '新規：この行から始まります');
    case 'removed': return t('removed', '削除されます');
    case 'new rule': return t('goes by its new rule', '新しいルールに替わります');
  }
  return t(`takes the place of the one of before, as generation ${f.generation}`, `第 ${f.generation} 世代として今のものと入れ替わります`);
}

const percent = (f) => (f.total ? Math.floor(100 * f.read / f.total) : 0);
const left = (f) => (f.total && f.read >= f.total ? t('read', '読み終わりました') : f.seconds < 0 ? t('not told yet', 'まだわかりません') : t('about ', '約 ') + seconds(Math.max(1, Math.round(f.seconds))));

// Filling is nothing while nothing is filled; whole: with a line for each part, else one sentence that leads there.
export function Filling({ whole }) {
  const s = use(status);
  use(language);
  const all = (s && s.info.fillings) || [];
  if (!all.length) return null;
  const filled = all.filter((f) => f.total > 0), read = filled.reduce((n, f) => n + f.read, 0), total = filled.reduce((n, f) => n + f.total, 0);
  const longest = Math.max(-1, ...filled.map((f) => f.seconds));
  const head = t('A changed project is being filled', '変更後のプロジェクトを準備しています');
  if (!whole) return html`<p class="filling-line" role="status"><a href=${to('overview')}>${head}</a>${total > 0 && html`: ${Math.floor(100 * read / total)} %`}</p>`;
  const ask = (i, field) => inStatus(['info', 'fillings', i, field]);
  return html`<div class="grid"><${Panel} id="filling" wide title=${head} note=${t('The old tables go on until all is read; then all of it changes places at once.', 'すべて読み終わるまで今のテーブルが動き続け、終わると一度に入れ替わります。') + (longest >= 0 ? ' ' + t('About ', '残り約 ') + seconds(Math.max(1, Math.round(longest))) + t(' to go.', '。') : '')}>
    <div class="scroll" tabindex="0" role="region" aria-label=${head}><table><thead><tr><th scope="col">${t('Part', '対象')}</th><th scope="col">${t('How far', '進み')}</th><th scope="col" class="num">${t('Records read', '読んだレコード')}</th><th scope="col">${t('To go', '残り')}</th><th scope="col">${t('What becomes of it', 'どうなるか')}</th></tr></thead>
      <tbody>${all.map((f, i) => html`<tr key=${f.kind + '/' + f.name}><th scope="row">${f.name} <small>${kinds()[f.kind] || f.kind}</small></th>
        <td>${f.total > 0 ? html`<progress max=${f.total} value=${f.read} aria-label=${f.name}></progress> ${percent(f)} %` : '–'}</td>
        <td class="num">${f.total > 0 ? html`<${Num} ask=${ask(i, 'read')}>${number(f.read)}<//> / <${Num} ask=${ask(i, 'total')}>${number(f.total)}<//>` : '–'}</td>
        <td>${f.total > 0 ? left(f) : '–'}</td><td>${becomes(f)}</td></tr>`)}</tbody></table></div>
  <//></div>`;
}
