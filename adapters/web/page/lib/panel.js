// A titled part of a view.
import { html } from './ui.js';

// Panel has a heading, a note below it and actions beside it. wide: it takes the whole row. label is the heading's text
// where the heading is more than that.
export function Panel({ title, label = title, note, actions, wide, children, id }) {
  return html`<section class=${'panel' + (wide ? ' wide' : '')} id=${id} aria-label=${label}>
    <header><h2>${title}</h2>${note && html`<p class="note">${note}</p>`}${actions && html`<div class="actions">${actions}</div>`}</header>
    ${children}
  </section>`;
}

// Trouble shows an error's sentence.
export const Trouble = ({ error }) => (error ? html`<p class="trouble" role="alert">${error.message}</p>` : null);
