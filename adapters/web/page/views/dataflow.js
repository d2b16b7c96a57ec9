// The project as a graph: what reads what, how fast, and what the others wait for. The server lays it out.
import { html, use, useState } from '../lib/ui.js';
import { t, language, number, short } from '../lib/words.js';
import { usePoll } from '../lib/poll.js';
import { Num, Question, Command, inAPI, inStatus, every } from '../lib/question.js';
import { Saves } from '../lib/save.js';
import { Panel, Trouble } from '../lib/panel.js';
import { to } from '../lib/route.js';

const kinds = { source: ['source', 'ソース'], view: ['view', 'ビュー'], 'streaming table': ['streaming table', 'ストリーミングテーブル'], 'materialized view': ['materialized view', 'マテリアライズドビュー', '実体化ビュー'], sink: ['sink', 'シンク'], alert: ['alert', 'アラート'] };
const kindOf = (k) => t(...(kinds[k] || [k, k]).slice(0, 2));
const shortKindOf = (k) => { const [en, ja, brief] = kinds[k] || [k, k]; return t(en, brief || ja); }; // in a box, which is as wide as English needs
// cut shortens a text to so many letters; one of Japanese is as wide as two.
function cut(text, most) {
  let wide = 0, i = 0;
  for (const c of text) {
    wide += c > '\u2e7f' ? 2 : 1;
    if (wide > most) return text.slice(0, Math.max(1, i - 1)) + '…';
    i += c.length;
  }
  return text;
}
const boxColumns = ['kind', 'name', 'detail', 'in', 'out', 'waiting', 'late', 'invalid', 'trouble'];
const rate = (n) => (n === null || n === undefined ? '–' : short(n) + '/s');

function lineOf(n) {
  if (n.kind === 'source') return rate(n.in) + (n.waiting > 0 ? ' · ' + short(n.waiting) + t(' wait', ' 件待ち') : '');
  if (n.kind === 'sink') return rate(n.in) + (n.waiting > 0 ? ' · ' + short(n.waiting) + t(' wait', ' 件待ち') : '');
  if (n.kind === 'streaming table') return rate(n.in) + ' → ' + rate(n.out);
  return kindOf(n.kind);
}

function Box({ n, marked, chosen, choose }) {
  const label = kindOf(n.kind) + ' ' + n.name + ', ' + lineOf(n) + (marked ? ', ' + t('what the others wait for', 'ボトルネック') : '');
  return html`<g class=${'box ' + n.kind.replace(' ', '-') + (marked ? ' marked' : '') + (chosen ? ' chosen' : '')} transform=${'translate(' + n.x + ' ' + n.y + ')'}
    tabindex="0" role="button" aria-pressed=${String(chosen)} onClick=${choose}
    onKeyDown=${(e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); choose(); } }}>
    <title>${label + (n.comment ? '\n' + n.comment : '') + (n.trouble ? '\n' + n.trouble : '')}</title>
    <rect width=${n.width} height=${n.height} rx="8" /><rect class="mark" width="4" height=${n.height} rx="2" />
    <text class="name" x="14" y="22">${cut(n.name, Math.floor((n.width - 20) / 7.4))}</text>
    <text class="line" x="14" y="42">${cut(n.kind === 'alert' || n.kind === 'materialized view' || n.kind === 'view' ? shortKindOf(n.kind) : lineOf(n), Math.floor((n.width - 18) / 6.2))}</text>
    ${(n.late > 0 || n.invalid > 0) && html`<circle class="lost" cx=${n.width - 12} cy="38" r="4" />`}
  </g>`;
}

function Details({ n, at }) {
  use(language);
  const facts = [], ask = (name) => inAPI('/api/dataflow', ['nodes', { id: n.id }, name]);
  if (n.detail) facts.push([n.kind === 'source' ? t('topics', 'トピック') : n.kind === 'sink' ? t('writes to', '出力先') : t('severity', '重大度'), n.detail]);
  if (n.in !== null) facts.push([t('comes in', '入力'), html`<${Num} ask=${ask('in')}>${number(n.in, 1)}<//>${t(' rows/s', ' 行/秒')}`]);
  if (n.out !== null) facts.push([n.kind === 'source' ? t('is read', '読み取り') : t('goes out', '出力'), html`<${Num} ask=${ask('out')}>${number(n.out, 1)}<//>${t(' rows/s', ' 行/秒')}`]);
  if (n.kind === 'source' || n.kind === 'sink') facts.push([t('waits', '待ち'), html`<${Num} ask=${ask('waiting')}>${number(n.waiting)}<//>`]);
  if (n.late) facts.push([t('late', '遅延'), html`<${Num} ask=${inStatus(['engine', 'ledger', 'tables', n.name, every, 'late'], '', { op: 'add' })}>${number(n.late)}<//> <a href=${to('topics', { topic: n.name + '$late' })}>${t('which', '一覧')}</a>`]);
  if (n.invalid) facts.push([t('invalid or too far ahead', '不正・未来'), html`<${Num} ask=${ask('invalid')}>${number(n.invalid)}<//> ${n.kind === 'source' && html`<a href=${to('topics', { topic: n.detail.split(', ')[0] + '$invalid' })}>${t('which', '一覧')}</a>`}`]);
  if (n.place) facts.push([t('written at', '定義'), html`<code>${n.place}</code>`]);
  return html`<${Panel} title=${n.name} note=${kindOf(n.kind) + (n.comment ? ' · ' + n.comment : '')} id="box-details" actions=${html`
      ${(n.kind === 'streaming table' || n.kind === 'materialized view') && html`<a href=${to('explain', { table: n.name })}>${t('explain a row', '行の由来')}</a>`}
      ${n.kind === 'source' && html`<a href=${to('topics', { topic: n.detail.split(', ')[0] })}>${t('records', 'レコード')}</a>`}
      ${n.kind === 'alert' && html`<a href=${to('alerts')}>${t('alerts', 'アラート')}</a>`}`}>
    ${n.trouble && html`<p class="trouble">${n.trouble}</p>`}
    <dl class="facts">${facts.map(([k, v]) => html`<div key=${k}><dt>${k}</dt><dd>${v}</dd></div>`)}</dl>
    ${n.query && html`<div class="foot"><${Question} sql=${n.query} /></div>`}
  <//>`;
}

function Dataflow() {
  use(language);
  const [views, setViews] = useState(false), [chosen, choose] = useState(null), [whole, setWhole] = useState(false);
  const { data: d, error } = usePoll('/api/dataflow' + (views ? '?views=true' : ''), 2000);
  const node = d && d.nodes.find((n) => n.id === chosen);
  const top = d ? Math.max(1, ...d.edges.map((e) => e.rate || 0)) : 1;
  const width = (e) => (e.rate ? 1.2 + 4 * Math.log1p(e.rate) / Math.log1p(top) : 1.2);
  const near = (e) => chosen && (e.from === chosen || e.to === chosen);
  return html`<div class="dataflow">
    <${Panel} title=${t('Dataflow', 'データフロー')} wide note=${d ? t(`${d.nodes.length} boxes; rates of the last ${number(d.seconds, 0)} s`, `${d.nodes.length} 個、直近 ${number(d.seconds, 0)} 秒の速度`) : ''} actions=${html`
      <button type="button" aria-pressed=${String(views)} onClick=${() => setViews(!views)}>${t('Views', 'ビューも表示')}</button>
      <button type="button" aria-pressed=${String(whole)} onClick=${() => setWhole(!whole)}>${t('Fit', '全体表示')}</button>`}>
      <${Trouble} error=${error} />
      ${d && (d.bottleneck ? html`<p class="verdict warn" role="status"><b>${t('What the others wait for: ', 'ボトルネック: ')}</b>${d.bottleneck.reason}</p>`
        : html`<p class="verdict good" role="status">${t('Everything keeps up: nothing waits longer than five seconds.', 'すべて追従中です。5 秒を超えて待つものはありません。')}</p>`)}
      ${d && html`<div class=${'graph' + (whole ? ' whole' : '')} tabindex="0" role="region" aria-label=${t('Graph of the project', 'プロジェクトのグラフ')}>
        <svg viewBox=${'0 0 ' + d.width + ' ' + d.height} width=${d.width} height=${d.height} role="group" aria-label=${t('Boxes and lines', '箱と線')}>
          ${d.edges.map((e) => html`<path key=${e.from + '>' + e.to} d=${e.path} class=${'edge' + (e.rate ? ' runs' : '') + (near(e) ? ' near' : '')} stroke-width=${width(e).toFixed(1)}><title>${e.from + ' → ' + e.to + (e.rate === null ? '' : ' ' + rate(e.rate))}</title></path>`)}
          ${d.nodes.map((n) => html`<${Box} key=${n.id} n=${n} marked=${d.bottleneck && d.bottleneck.node === n.id} chosen=${n.id === chosen} choose=${() => choose(n.id === chosen ? null : n.id)} />`)}
        </svg></div>`}
      <div class="foot"><span class="legend">${Object.keys(kinds).filter((k) => k !== 'view' || views).map((k) => html`<span key=${k} class=${'key ' + k.replace(' ', '-')}><i></i>${kindOf(k)}</span>`)}</span>
        <${Command} command=${'curl -s ' + location.origin + '/api/dataflow'} href=${'/api/dataflow' + (views ? '?views=true' : '')} />
        ${d && html`<${Saves} name="dataflow" columns=${boxColumns} rows=${d.nodes.map((n) => boxColumns.map((c) => n[c]))} />`}</div>
    <//>
    ${node && html`<${Details} n=${node} />`}
  </div>`;
}

export default { id: 'dataflow', title: ['Dataflow', 'データフロー'], View: Dataflow };
