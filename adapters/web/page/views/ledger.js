// What became of the records of each topic.
import { html } from '../lib/ui.js';
import { t, number } from '../lib/words.js';
import { Grid, Pill } from '../lib/grid.js';
import { Command, inStatus } from '../lib/question.js';
import { Panel } from '../lib/panel.js';
import { to } from '../lib/route.js';

const outcomes = () => [['counted', t('Counted', '集計')], ['late', t('Late', '遅延')], ['future', t('Future', '未来')], ['invalid', t('Invalid', '不正')], ['duplicate', t('Duplicate', '重複')], ['filtered', t('Filtered', '除外')], ['in_flight', t('In flight', '処理中')]];

export function Ledger({ s }) {
  const rows = Object.entries(s.engine.ledger.topics || {}).map(([topic, counts]) => ({ topic, in_flight: 0, ...counts }))
    .map((x) => ({ ...x, missing: outcomes().reduce((left, [name]) => left - x[name], x.read) })).sort((a, b) => (a.topic < b.topic ? -1 : 1));
  const wrong = rows.filter((x) => x.missing !== 0).length;
  const count = (name, title) => ({ name, title, num: true, of: (x) => x[name], ask: (x) => (x[name] || name !== 'in_flight') && inStatus(['engine', 'ledger', 'topics', x.topic, name]), draw: (x) => number(x[name]) });
  const columns = [
    { name: 'topic', title: t('Topic', 'トピック'), of: (x) => x.topic, draw: (x) => html`<a href=${to('topics', { topic: x.topic })}>${x.topic}</a>` },
    { name: 'state', title: t('State', '状態'), of: (x) => (x.missing ? 'does not add up' : 'adds up'), draw: (x) => (x.missing ? html`<${Pill} kind="bad" state=${t('does not add up', '不一致')} />` : html`<${Pill} kind="good" state=${t('adds up', '一致')} />`) },
    count('read', t('Read', '受信')), ...outcomes().map(([name, title]) => count(name, title)),
  ];
  return html`<${Panel} wide id="ledger" title=${t('Ledger', '台帳')} note=${wrong ? t(`${wrong} of ${rows.length} do not add up`, `${rows.length} 件中 ${wrong} 件が不一致`) : t('each record that was read has one outcome, its best over all tables', '読み込んだ各レコードの行方は一つ（全テーブル中で最良のもの）')}>
    <${Grid} tall columns=${columns} rows=${rows} keyOf=${(x) => x.topic} label=${t('Ledger', '台帳')} name="ledger" empty=${t('Nothing was read yet.', 'まだ何も読み込んでいません。')} foot=${html`<${Command} command="nagare status -o json" href="/api/ledger" />`} /><//>`;
}
