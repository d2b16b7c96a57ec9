// A question over the page.
import { html, useEffect, useRef } from './ui.js';

// Dialog shows its children over the page. Closing it puts the focus back where it was, which taking it away does not.
//   label   id of its heading; onCancel: called for Escape
export function Dialog({ label, onCancel, children }) {
  const box = useRef(null);
  useEffect(() => {
    const shown = box.current;
    shown.showModal();
    return () => shown.close();
  }, []);
  return html`<dialog ref=${box} onCancel=${onCancel} aria-labelledby=${label}>${children}</dialog>`;
}
