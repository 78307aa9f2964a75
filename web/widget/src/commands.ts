import { effect } from '@preact/signals';
import type { Chat } from './chat';
import { locale, matchLocale } from './locale';
import type { Identity } from './protocol';

/** What `fanward(name, …)` does. Wrong use is told on the console and changes nothing. */
export class Commands {
  private readonly chat: Chat;
  private readonly end: () => void;
  /** Whether the page set the language itself. */
  localeChosen = false;
  private readonly undo: (() => void)[] = [];

  constructor(chat: Chat, end: () => void) {
    this.chat = chat;
    this.end = end;
  }

  run(args: ArrayLike<unknown>): void {
    const [name, first, second] = Array.from(args);
    switch (name) {
      case 'identify':
        if (isIdentity(first)) this.chat.identify(first);
        else warn("fanward('identify', {user_id, hash, …}) needs user_id and hash, both strings that are not empty.");
        return;
      case 'reset':
        return this.chat.reset();
      case 'open':
        return this.chat.open();
      case 'close':
        return this.chat.close();
      case 'toggle':
        return this.chat.state.open.value ? this.chat.close() : this.chat.open();
      case 'locale': {
        const match = matchLocale(typeof first === 'string' ? first : null);
        if (match) {
          this.localeChosen = true;
          locale.value = match;
        } else warn("fanward('locale', …) takes 'en' or 'zh-CN'.");
        return;
      }
      case 'on':
        if (first === 'unread' && typeof second === 'function') this.follow(second as (count: number) => void);
        else warn("fanward('on', 'unread', fn) is the only event.");
        return;
      case 'shutdown':
        return this.end();
      default:
        warn(`There is no command ${JSON.stringify(name)}.`);
    }
  }

  stop(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  private follow(listener: (count: number) => void): void {
    let told = -1;
    this.undo.push(
      effect(() => {
        const count = this.chat.state.unread.value;
        if (count === told) return;
        told = count;
        queueMicrotask(() => listener(count)); // A listener that throws or reads signals must not disturb the widget.
      }),
    );
  }
}

function isIdentity(value: unknown): value is Identity {
  const { user_id, hash } = (value ?? {}) as Record<string, unknown>;
  return typeof user_id === 'string' && user_id !== '' && typeof hash === 'string' && hash !== '';
}

export function warn(text: string): void {
  console.warn(`[fanward] ${text}`);
}
