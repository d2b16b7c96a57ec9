// Measures the contrast (WCAG 2.2, 1.4.3 and 1.4.11) of all that is drawn: texts 4.5, large ones 3, lines of graphics and
// borders of fields 3. What is disabled has no need of it, nor have the lines of a grid and the empty part of a bar.
// It gives {measured, low: [text of each place that has too little]}.
(() => {
  const cells = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true }), known = new Map();
  // rgba is a colour of CSS, whatever its notation, as red, green and blue of 0 to 255 and alpha of 0 to 1.
  const rgba = (css) => {
    if (!known.has(css)) {
      cells.clearRect(0, 0, 1, 1);
      cells.fillStyle = css;
      cells.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = cells.getImageData(0, 0, 1, 1).data;
      known.set(css, [r, g, b, a / 255]);
    }
    return known.get(css);
  };
  const over = ([r, g, b, a], ground, alpha = 1) => [r, g, b].map((v, i) => v * a * alpha + ground[i] * (1 - a * alpha));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  // on is what an element is drawn on, and how much of it is seen through: its own ground is part of it, if own.
  const on = (element, own = true) => {
    const chain = [];
    for (let e = own ? element : element.parentElement; e; e = e.parentElement) chain.unshift(e);
    let ground = [255, 255, 255], alpha = 1;
    for (const e of chain) {
      const style = getComputedStyle(e);
      alpha *= Number(style.opacity);
      if (e instanceof HTMLElement) ground = over(rgba(style.backgroundColor), ground, alpha);
      if (e.matches('g.box')) ground = over(rgba(getComputedStyle(e.querySelector('rect')).fill), ground, alpha);
    }
    if (!own) alpha *= Number(getComputedStyle(element).opacity);
    return { ground, alpha };
  };
  const hex = (colour) => '#' + colour.map((v) => Math.round(v).toString(16).padStart(2, '0')).join('');
  const named = (e) => {
    let names = [];
    for (; e && e.id !== 'main' && names.length < 4; e = e.parentElement) names.unshift(e.localName + (e.getAttribute('class') ? '.' + e.getAttribute('class').trim().replace(/\s+/g, '.') : ''));
    return names.join(' ');
  };
  window.contrast = () => {
    const low = new Set();
    let measured = 0;
    const judge = (element, what, colour, ground, least) => {
      measured++;
      const got = ratio(colour, ground);
      if (got < least) low.add(`${what} has ${got.toFixed(2)} of ${least}, ${hex(colour)} on ${hex(ground)}: ${named(element)}`);
    };
    const seen = (e) => !e.closest('.hidden, :disabled, .skip:not(:focus)') && e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getBoundingClientRect().width > 0;
    const textOf = (e, pseudo, text) => {
      const style = getComputedStyle(e, pseudo), size = parseFloat(style.fontSize), { ground, alpha } = on(e);
      const colour = rgba(e instanceof SVGElement ? style.fill : style.color);
      if (colour[3] === 0) return; // the editor's letters are seen through, and measured behind it
      judge(e, JSON.stringify(text.trim().slice(0, 30)), over(colour, ground, alpha), ground, size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700 ? 3 : 4.5);
    };
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
      const e = words.currentNode.parentElement;
      if (words.currentNode.data.trim() && !e.closest('.editor pre') && !['SCRIPT', 'NOSCRIPT', 'STYLE', 'OPTION', 'title', 'TEXTAREA'].includes(e.tagName) && seen(e)) textOf(e, null, words.currentNode.data);
    }
    for (const e of document.querySelectorAll('input, select, textarea')) {
      if (!seen(e) || ['checkbox', 'radio'].includes(e.type)) continue;
      if (e.placeholder) textOf(e, '::placeholder', e.placeholder);
      if (e.value) textOf(e, null, e.value);
      const { ground, alpha } = on(e, false);
      judge(e, 'border', over(rgba(getComputedStyle(e).borderTopColor), ground, alpha), ground, 3);
    }
    for (const e of document.querySelectorAll('svg :is(path, line, polyline, circle, rect)')) {
      if (!seen(e) && e.localName === 'rect' || e.matches('.rule, .ground')) continue;
      const style = getComputedStyle(e), { ground, alpha } = on(e.closest('g.box') ? e.closest('g.box').parentElement : e, !!e.closest('g.box'));
      const line = style.stroke !== 'none';
      if (!line && style.fill === 'none') continue;
      judge(e, line ? 'line' : 'shape', over(rgba(line ? style.stroke : style.fill), ground, alpha), ground, 3);
    }
    for (const e of document.querySelectorAll('i')) {
      if (!seen(e)) continue;
      const style = getComputedStyle(e), { ground, alpha } = on(e, false), filled = rgba(style.backgroundColor)[3] > 0;
      judge(e, 'mark', over(rgba(filled ? style.backgroundColor : style.borderTopColor), ground, alpha), ground, 3);
    }
    for (const e of document.querySelectorAll('canvas')) {
      const { ground, alpha } = on(e);
      for (const d of (e.drawn || new Map()).values()) {
        if (d.text) judge(e, 'text of a chart', over(rgba(d.colour), ground, d.alpha * alpha), ground, 4.5);
        else if (d.width > 1) judge(e, 'line of a chart', over(rgba(d.colour), ground, d.alpha * alpha), ground, 3);
      }
    }
    for (const e of document.querySelectorAll('.editor textarea')) { // its letters lie over it, and over what is chosen
      const { ground } = on(e), chosen = over(rgba(getComputedStyle(e, '::selection').backgroundColor), ground);
      for (const letters of e.parentElement.querySelectorAll('pre span')) {
        if (!letters.textContent.trim()) continue;
        const colour = rgba(getComputedStyle(letters).color).slice(0, 3), bad = rgba(getComputedStyle(letters).backgroundColor);
        judge(letters, letters.textContent, colour, over(bad, ground), 4.5);
        judge(letters, 'chosen ' + letters.textContent, colour, over(bad, chosen), 4.5);
      }
    }
    return { measured, low: [...low] };
  };
})();
