// What the process tells of itself once a second. The last data stay when it is away.
import { signal, batch } from './ui.js';

export const status = signal(null);      // LiveAnswer of adapters/web/live.go
export const progress = signal(null);    // in Spark's names
export const connected = signal(false);
export const paused = signal(false);
export const awaySince = signal(null);   // Date: when the process was last heard
export const history = signal([]);       // of the statuses of this tab, the newest last: {time, input, processed, p50, p99, …}
export const tick = signal(0);           // counts updates that are shown

const mostHistory = 600; // ten minutes

// own is the topics in which the process tells of itself: their events are always of now.
export const own = ['pipeline-metrics', 'system-metrics', 'system-alerts'];

let source = null;
let heard = null;
let watch = null;
let latest = {};

export function start() {
  connect();
  // A server that stands still sends no error: two missed updates and some are one.
  watch = setInterval(() => { if (heard && Date.now() - heard > 5000) lost(); }, 1000);
}

function connect() {
  if (source) source.close();
  source = new EventSource('/api/events');
  source.addEventListener('status', (e) => take('status', e));
  source.addEventListener('progress', (e) => take('progress', e));
  source.onerror = () => {
    lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // the browser has given up: an answer that was no stream
  };
}

function lost() {
  if (!connected.peek()) return;
  batch(() => { connected.value = false; awaySince.value = new Date(heard || Date.now()); });
}

function take(name, event) {
  heard = Date.now();
  const data = JSON.parse(event.data);
  latest[name] = data;
  batch(() => {
    connected.value = true;
    awaySince.value = null;
    if (name === 'status') remember(data);
    if (!paused.peek()) show(name, data);
  });
}

function show(name, data) {
  if (name === 'status') { status.value = data; tick.value++; } else progress.value = data;
}

// pause holds all that is shown where it is, until it is called again.
export function pause() {
  batch(() => {
    paused.value = !paused.peek();
    if (!paused.peek()) for (const name of Object.keys(latest)) show(name, latest[name]);
  });
}

function remember(s) {
  let p50 = null, p99 = null, waiting = 0;
  for (const sink of s.sinks) {
    if (sink.p50 !== null && (p50 === null || sink.p50 > p50)) p50 = sink.p50;
    if (sink.p99 !== null && (p99 === null || sink.p99 > p99)) p99 = sink.p99;
    waiting += sink.waiting;
  }
  const e = s.engine;
  let lag = 0, newest = -Infinity;
  for (const p of e.partitions || []) {
    if (own.includes(p.topic)) continue;
    lag += p.lag;
    newest = Math.max(newest, p.eventTime);
  }
  const point = {
    time: Date.parse(s.time) / 1000, input: s.rates.input, processed: s.rates.processed, p50, p99, waiting, lag,
    gap: e.watermark > -9e15 && newest > -9e15 ? (newest - e.watermark) / 1e6 : null,
    stateRows: e.stateRows, stateBytes: e.stateBytes, commit: e.checkpoints.lastCommit / 1000, pause: e.checkpoints.lastPause / 1000,
    late: Object.values(e.ledger.topics || {}).reduce((n, c) => n + c.late, 0), instance: s.info.instance,
  };
  history.value = [...history.peek().slice(-(mostHistory - 1)), point];
}
