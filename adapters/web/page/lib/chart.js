// A chart over time: uPlot, with a legend that can be used by keyboard. Charts of one sync name share their cursor.
import { html, use, useEffect, useLayoutEffect, useRef, useState } from './ui.js';
import { theme, color, seriesColor } from './theme.js';
import { short, t, language } from './words.js';
import { Num } from './question.js';

const font = '11px ui-sans-serif, system-ui, sans-serif';

function axis(extra) {
  return { stroke: color('--muted'), grid: { stroke: color('--rule'), width: 1 }, ticks: { stroke: color('--rule'), width: 1, size: 4 }, font, ...extra };
}

// steps of the axis of time, in seconds: its labels have no fraction of one.
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000];

function makePlot(host, props, onCursor) {
  const { series, times, height, format, sync, stepped } = props;
  const opts = {
    width: Math.max(host.clientWidth, 120), height,
    tzDate: (s) => uPlot.tzDate(new Date(s * 1000), 'Etc/UTC'),
    cursor: { points: { size: 6 }, drag: { x: false, y: false }, sync: sync ? { key: sync } : undefined },
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: { x: { time: true }, y: { range: (u, min, max) => [Math.min(0, min ?? 0), max > 0 ? max * 1.08 : min < 0 ? 0 : 1] } },
    axes: [
      axis({ size: 28, space: 64, incrs: steps, values: (u, splits, i, space, incr) => splits.map((v) => {
        const text = new Date(v * 1000).toISOString();
        return incr >= 86400 ? text.slice(5, 10) : incr >= 60 ? text.slice(11, 16) : text.slice(11, 19);
      }) }),
      axis({ size: 52, space: 32, values: (u, splits) => splits.map((v) => (format || short)(v)) }),
    ],
    series: [{}, ...series.map((s, i) => ({
      label: s.label, stroke: s.color || seriesColor(s.hue ?? i), width: s.open ? 1.5 : 2, dash: s.open ? [4, 4] : undefined, alpha: s.open ? 0.75 : 1,
      fill: s.fill ? (s.color || seriesColor(s.hue ?? i)) + '22' : undefined, spanGaps: false, show: s.show !== false,
      points: { show: times.length < 3, size: 5 }, paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
    }))],
    hooks: { setCursor: [(u) => onCursor(u.cursor.idx)] },
  };
  return new uPlot(opts, [times, ...series.map((s) => s.values)], host);
}

// Chart draws series over times.
//   times    seconds since 1970, ascending
//   series   [{label, values, hue: number of its colour, open: true where its windows are still open, fill, color,
//            ask: place in times → the question that gives the value}];
//            those with open and the label of another belong to it in the legend
//   format   number → text of axis and legend; height in pixels; sync: name that charts with one cursor share
//   label    what a screen reader says of it; onCursor: called with the place in times that is pointed at, or null
export function Chart(props) {
  const { series, times, height = 200, format = short, label, legend = true } = props;
  const host = useRef(null), plot = useRef(null), shape = useRef('');
  const [at, setAt] = useState(null), [hidden, setHidden] = useState({});
  const shade = use(theme);
  use(language);
  const drawn = series.map((s) => ({ ...s, show: !hidden[s.label] }));
  const now = shade + '|' + height + '|' + drawn.map((s) => s.label + s.hue + s.open + s.show).join('|') + (times.length < 3);

  useLayoutEffect(() => {
    if (plot.current && shape.current === now) {
      plot.current.setData([times, ...series.map((s) => s.values)]);
      return;
    }
    if (plot.current) plot.current.destroy();
    shape.current = now;
    plot.current = makePlot(host.current, { ...props, series: drawn, height, format }, (i) => { setAt(i); if (props.onCursor) props.onCursor(i ?? null); });
  });
  useEffect(() => {
    const see = new ResizeObserver(() => {
      const u = plot.current, width = host.current && host.current.clientWidth;
      if (u && width && width !== u.width) u.setSize({ width, height: u.height });
    });
    see.observe(host.current);
    return () => { see.disconnect(); plot.current.destroy(); plot.current = null; };
  }, []);

  const names = [];
  for (const s of series) if (!names.some((n) => n.label === s.label)) names.push(s);
  const value = (name) => {
    for (let i = at === null || at === undefined ? times.length - 1 : at; i >= 0; i--) {
      for (const s of series) if (s.label === name && s.values[i] !== null && s.values[i] !== undefined) return [s.values[i], s.open, s.ask && s.ask(i)];
      if (at !== null && at !== undefined) break;
    }
    return [null, false, null];
  };
  const moment = at !== null && at !== undefined && times[at] !== undefined ? new Date(times[at] * 1000).toISOString().slice(11, 19) + 'Z' : '';
  return html`<div class="chart">
    <div class="plot" ref=${host} role="img" aria-label=${label || names.map((s) => s.label).join(', ')}></div>
    ${legend && html`<div class="legend">
      ${names.map((s, i) => {
        const [v, open, ask] = value(s.label);
        return html`<span class="line" key=${s.label}><button type="button" aria-pressed=${hidden[s.label] ? 'false' : 'true'} title=${t('show or hide', '表示・非表示')}
          onClick=${() => setHidden((h) => ({ ...h, [s.label]: !h[s.label] }))}>
          <i class=${s.color ? 'dot' : 'dot s' + ((s.hue ?? i) % 8 + 1)}></i><span class="name">${s.label}</span></button> <b class=${open ? 'open' : ''}><${Num} ask=${ask}>${v === null ? '–' : format(v)}<//></b></span>`;
      })}
      <span class="moment">${moment}</span>
    </div>`}
  </div>`;
}

// Spark is a small line without axes.
export function Spark({ values, label }) {
  const known = values.filter((v) => v !== null && v !== undefined);
  if (known.length < 2) return html`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"></svg>`;
  const most = Math.max(...known, 1e-9);
  const points = values.map((v, i) => (v === null || v === undefined ? null : (100 * i / (values.length - 1)).toFixed(2) + ',' + (22 - 20 * v / most).toFixed(2))).filter(Boolean).join(' ');
  return html`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role=${label ? 'img' : null} aria-label=${label} aria-hidden=${label ? null : 'true'}><polyline points=${points} vector-effect="non-scaling-stroke" /></svg>`;
}
