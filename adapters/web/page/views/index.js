// The views in the order of their tabs: a line each. The first is where the page opens.
import overview from './overview.js';

export const views = [
  overview,
];
