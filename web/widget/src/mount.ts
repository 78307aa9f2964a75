import { effect } from '@preact/signals';
import { h, render } from 'preact';
import type { Chat } from './chat';
import { locale } from './locale';
import css from './styles.css?inline';
import { App } from './ui/app';

/** Draws the chat in a shadow root of its own, where the page's styles do not reach. Returns the undo. */
export function mount(chat: Chat, position: 'left' | 'right' | null): () => void {
  const host = document.createElement('fanward-widget');
  const root = host.attachShadow({ mode: 'open' });
  addStyles(root);
  const container = document.createElement('div');
  root.append(container);
  document.body.append(host);
  render(h(App, { chat, position }), container);
  const stop = effect(() => {
    container.lang = locale.value;
  });
  return () => {
    stop();
    render(null, container);
    host.remove();
  };
}

/** A constructed sheet passes the strictest content policy of the page; older browsers get a style element. */
function addStyles(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement('style');
    style.textContent = css;
    root.append(style);
  }
}
