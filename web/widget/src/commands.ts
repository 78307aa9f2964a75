import { effect } from './reactive';
import type { Chat } from './chat';
import { locale, matchLocale } from './locale';
import type { Identity } from './protocol';

/** What `fanward(name, …)` does. Wrong use is told on the console and changes nothing. */
export function createCommands(chat: Chat, shutdown: () => void) {
  const undo: (() => void)[] = [];
  let localeChosen = false;

  function identify(who?: Partial<Identity>): void {
    const given = (value: unknown): boolean => typeof value === 'string' && value !== '';
    if (given(who?.user_id) && given(who?.hash)) chat.identify(who as Identity);
    else warn('identify needs user_id and hash, both strings');
  }

  function setLocale(tag: unknown): void {
    const match = matchLocale(String(tag));
    if (!match) return warn("locale is 'en' or 'zh-CN'");
    localeChosen = true;
    locale.value = match;
  }

  function on(event: unknown, listener: unknown): void {
    if (event !== 'unread' || typeof listener !== 'function') return warn("on takes 'unread' and a function");
    let told = -1;
    undo.push(
      effect(() => {
        const count = chat.state.unread();
        // Told apart from the change, so that a listener that throws does not disturb the widget.
        if (count !== told) queueMicrotask(() => (listener as (count: number) => void)(count));
        told = count;
      }),
    );
  }

  function bindWeChat(done: unknown): void {
    if (typeof done !== 'function') return warn('bindWeChat takes a function');
    chat.bind().then(done as () => void, (error: Error) => warn(`bindWeChat: ${error.message}`));
  }

  const commands: Record<string, (...args: never[]) => void> = {
    identify,
    reset: chat.reset,
    open: chat.open,
    close: chat.close,
    toggle: () => (chat.state.open.value ? chat.close() : chat.open()),
    locale: setLocale,
    bindWeChat,
    on,
    shutdown,
  };

  return {
    localeChosen: () => localeChosen,

    run(args: ArrayLike<unknown>): void {
      const [name, ...rest] = Array.from(args);
      const command = commands[String(name)];
      if (command) command(...(rest as never[]));
      else warn(`no command ${String(name)}`);
    },

    stop(): void {
      undo.forEach((step) => step());
    },
  };
}

export function warn(text: string): void {
  console.warn(`[fanward] ${text}`);
}
