import { h, type VNode } from 'preact';

const paths = {
  chat: 'M4 5.5h16v11H10.5L6 20v-3.5H4z',
  down: 'm6 9.5 6 6 6-6',
  close: 'm6.5 6.5 11 11m0-11-11 11',
  clip: 'm19 11.5-7.3 7.3a4.6 4.6 0 0 1-6.5-6.5l7.6-7.6a3 3 0 0 1 4.3 4.3l-7.5 7.5a1.5 1.5 0 0 1-2.1-2.1l6.9-6.9',
  send: 'M12 19V5m-6 6 6-6 6 6',
  file: 'M7 3.5h7l4 4v13H7zM14 3.5v4h4',
};

/** A line drawing that takes the colour of the text around it. */
export function Icon({ name }: { name: keyof typeof paths }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
