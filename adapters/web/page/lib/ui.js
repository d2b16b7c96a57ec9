// The parts of Preact that views use, and signals as a hook.
import { useState, useLayoutEffect } from '../vendor/htm-preact.standalone.module.js';

export { html, render, useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback } from '../vendor/htm-preact.standalone.module.js';
export { signal, computed, effect, batch } from '../vendor/signals-core.module.js';

// use gives a signal's value, and draws the component again when it changes.
export function use(of) {
  const [, draw] = useState(0);
  const shown = of.peek();
  useLayoutEffect(() => {
    let first = true; // subscribe calls at once
    return of.subscribe((v) => {
      if (!first || v !== shown) draw((n) => n + 1);
      first = false;
    });
  }, [of]);
  return shown;
}
