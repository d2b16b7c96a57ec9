// The page: its frame, which view is shown, and what holds for all of them.
import { html, render, use, useEffect, useRef, useState } from './lib/ui.js';
import { Dialog } from './lib/dialog.js';
import { route, to } from './lib/route.js';
import { t, language, speak, time, seconds } from './lib/words.js';
import { theme, toggle } from './lib/theme.js';
import { wanted } from './lib/api.js';
import { Asked } from './lib/question.js';
import { Filling } from './lib/filling.js';
import * as live from './lib/live.js';
import { views } from './views/index.js';

const viewNamed = (name) => views.find((v) => v.id === name) || views[0];
const titleOf = (view) => view.title[language.peek() === 'ja' ? 1 : 0];

// State tells in words whether what is shown is of now.
function State() {
  const on = use(live.connected), held = use(live.paused), since = use(live.awaySince), s = use(live.status);
  use(language);
  const [, again] = useState(0);
  useEffect(() => { const id = setInterval(() => again((n) => n + 1), 1000); return () => clearInterval(id); }, []);
  let kind = 'good', text = t('live', '更新中');
  if (!on && !s) [kind, text] = ['wait', t('connecting', '接続中')];
  else if (!on) [kind, text] = ['bad', t('disconnected, retrying', '切断、再接続中') + (since ? ' · ' + seconds((Date.now() - since) / 1000) : '')];
  else if (held) [kind, text] = ['wait', t('paused', '一時停止中')];
  else if (s && s.engine.state !== 'running' && s.engine.state !== 'idle') [kind, text] = ['warn', s.engine.state];
  return html`<span class=${'state ' + kind} role="status"><i></i>${text}</span>`;
}

function Head() {
  const s = use(live.status), held = use(live.paused), shade = use(theme), lang = use(language);
  return html`<header class="top">
    <a class="brand" href=${to(views[0].id)}><img src="/page/mark.svg" alt="" width="26" height="26" /><span>nagare <em lang="ja">流れ</em></span></a>
    <span class="project" title=${s ? s.info.data : ''}>${s ? s.info.project : ''}</span>
    <${State} />
    <span class="clock" title=${t("the server's clock, UTC", 'サーバーの時計 (UTC)')}>${s ? time(s.time) : ''}</span>
    <span class="switches">
      <button type="button" onClick=${live.pause} aria-pressed=${String(held)}>${held ? t('Resume', '再開') : t('Pause', '一時停止')}</button>
      <button type="button" lang=${lang === 'ja' ? 'en' : 'ja'} onClick=${() => speak(lang === 'ja' ? 'en' : 'ja')}>${lang === 'ja' ? 'English' : '日本語'}</button>
      <button type="button" onClick=${toggle}>${shade === 'dark' ? t('Light', '明るく') : t('Dark', '暗く')}</button>
    </span>
  </header>`;
}

function Tabs({ at }) {
  const row = useRef(null);
  use(language);
  useEffect(() => { // on a phone the row is longer than the screen
    const tab = row.current.querySelector('[aria-current]')?.getBoundingClientRect(), of = row.current.getBoundingClientRect();
    if (tab) row.current.scrollLeft += Math.min(0, tab.left - of.left) + Math.max(0, tab.right - of.right);
  }, [at]);
  return html`<nav class="tabs" ref=${row} aria-label=${t('Views', '画面')}>${views.map((v) => html`<a key=${v.id} href=${to(v.id)} aria-current=${v === at ? 'page' : null}>${titleOf(v)}</a>`)}</nav>`;
}

// Away says that what is shown is old.
function Away() {
  const on = use(live.connected), since = use(live.awaySince);
  use(language);
  if (on || !since) return null;
  return html`<p class="away" role="alert">${t('Disconnected, retrying. What is shown is of', '切断されました。再接続しています。表示は次の時点のものです：')} ${time(since.getTime() * 1000)}</p>`;
}

// Token asks for the token of the data folder when a request wants one.
function Token() {
  const ask = use(wanted), input = useRef(null);
  use(language);
  if (!ask) return null;
  const give = (e) => { e.preventDefault(); if (input.current.value.trim()) ask.give(input.current.value); };
  return html`<${Dialog} label="token-title" onCancel=${ask.refuse}><form onSubmit=${give}>
    <h2 id="token-title">${t('This changes something: show the token', '変更にはトークンが必要です')}</h2>
    <p class="note">${ask.sentence}</p>
    <label>${t('Text of the token file', 'トークンファイルの内容')} <input ref=${input} type="password" autocomplete="off" spellcheck="false" /></label>
    <p class="row"><button type="submit" class="main">${t('Go on', '続ける')}</button> <button type="button" onClick=${ask.refuse}>${t('Leave it', 'やめる')}</button></p>
  </form><//>`;
}

function Page() {
  const { view, params } = use(route), lang = use(language);
  const at = viewNamed(view), View = at.View;
  useEffect(() => { document.title = titleOf(at) + ' · nagare'; }, [at, lang]);
  // What was chosen is gone with the view that it was in: the keyboard goes on where the new one begins.
  const shown = useRef(null), place = at.id + JSON.stringify(params);
  useEffect(() => {
    if (shown.current && shown.current.place !== place && document.activeElement === document.body) document.getElementById('main').focus({ preventScroll: true });
    if (shown.current && shown.current.id !== at.id) window.scrollTo(0, 0);
    shown.current = { id: at.id, place };
  }, [place]);
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById('main').focus(); }}>${t('Skip to the content', '本文へ')}</a>
    <${Head} /><${Tabs} at=${at} /><${Away} />
    <main id="main" tabindex="-1"><${Filling} whole=${at.id === 'overview'} /><${View} key=${at.id} params=${params} /></main><${Asked} /><${Token} />`;
}

live.start();
render(html`<${Page} />`, document.getElementById('page'));
