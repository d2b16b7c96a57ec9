// The views in the order of their tabs: a line each. The first is where the page opens.
import overview from './overview.js';
import streaming from './streaming.js';
import watermarks from './watermarks.js';
import topics from './topics.js';
import dataflow from './dataflow.js';
import alerts from './alerts.js';
import sql from './sql.js';
import explain from './explain.js';
import health from './health.js';

export const views = [
  overview,
  streaming,
  watermarks,
  topics,
  dataflow,
  alerts,
  sql,
  explain,
  health,
];
