// Notes the colours in which each canvas is drawn, from its last clearing on; contrast.js judges them.
for (const name of ['fillText', 'stroke']) {
  const draw = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...args) {
    const colour = name === 'fillText' ? this.fillStyle : this.strokeStyle;
    this.canvas.drawn ??= new Map();
    this.canvas.drawn.set([name, colour, this.globalAlpha, this.lineWidth].join(), { text: name === 'fillText', colour, alpha: this.globalAlpha, width: this.lineWidth });
    return draw.apply(this, args);
  };
}
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (x, y, width, height) {
  if (width >= this.canvas.width && height >= this.canvas.height) this.canvas.drawn = new Map();
  return clear.call(this, x, y, width, height);
};
