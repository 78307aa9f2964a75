import type { ComponentChildren, JSX } from 'preact';

function icon(children: ComponentChildren): () => JSX.Element {
  return () => (
    <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {children}
    </svg>
  );
}

export const ChatIcon = icon(<path d="M4 5.5h16v11H10.5L6 20v-3.5H4z" />);
export const DownIcon = icon(<path d="m6 9.5 6 6 6-6" />);
export const CloseIcon = icon(<path d="m6.5 6.5 11 11m0-11-11 11" />);
export const ClipIcon = icon(<path d="m19 11.5-7.3 7.3a4.6 4.6 0 0 1-6.5-6.5l7.6-7.6a3 3 0 0 1 4.3 4.3l-7.5 7.5a1.5 1.5 0 0 1-2.1-2.1l6.9-6.9" />);
export const SendIcon = icon(<path d="M12 19V5m-6 6 6-6 6 6" />);
export const FileIcon = icon(<path d="M7 3.5h7l4 4v13H7zM14 3.5v4h4" />);
