// What the keyboard has to reach, and what is wrong with where it is. keyboard.begin() notes all that one can do something
// with; keyboard.here() notes the place of the focus and tells whether it is the page's first; keyboard.missed() is what was never
// reached.
window.keyboard = (() => {
  let all = [], reached = new Set(), faults = new Set();
  const name = (e) => e.outerHTML.slice(0, 110);
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 0;
  return {
    begin() {
      all = [...document.querySelectorAll('a[href], button, input, select, textarea, [tabindex="0"]')].filter((e) => shown(e) && !e.matches(':disabled'));
      [reached, faults] = [new Set(), new Set()];
      return all.length;
    },
    here() {
      const e = document.activeElement;
      if (e === document.body || e === document.documentElement) return false;
      if (e.id === 'main') return false;
      const style = getComputedStyle(e), box = e.getBoundingClientRect();
      const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || e.matches('g.box') && parseFloat(getComputedStyle(e.querySelector('rect')).strokeWidth) >= 2;
      if (!ring) faults.add('no ring: ' + name(e));
      if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) faults.add('out of sight: ' + name(e));
      const bar = document.querySelector('nav.tabs').getBoundingClientRect();
      if (!e.closest('nav.tabs, header, dialog, .skip') && box.bottom <= bar.bottom) faults.add('under the tabs: ' + name(e));
      reached.add(e);
      return e.matches('.skip');
    },
    // Of a table whose cells are chosen one is reached with Tab, the others with the arrow keys.
    missed: () => all.filter((e) => e.isConnected && !reached.has(e) && !(e.matches('table[role="grid"] button.cell') && [...e.closest('table').querySelectorAll('button.cell')].some((c) => reached.has(c)))).map((e) => 'not reached: ' + name(e)).concat([...faults]),
  };
})();
