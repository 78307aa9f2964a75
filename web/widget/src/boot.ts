import { effect } from '@preact/signals';
import { Chat } from './chat';
import { Commands, warn } from './commands';
import type { CodedError } from './errors';
import { chooseLocale, locale, matchLocale } from './locale';
import { mount } from './mount';

type Call = (...args: unknown[]) => void;
type Stub = Call & { q?: ArrayLike<unknown>[]; live?: boolean };

/** What the script's element says. */
export interface Settings {
  /** Origin the script came from: the hub. */
  origin: string;
  account: string;
  locale: string | null;
  position: 'left' | 'right' | null;
}

/** Reads the settings; null, with a word on the console, when the account is missing. */
export function readSettings(script: HTMLScriptElement | null): Settings | null {
  const account = script?.dataset['account'];
  if (!script || !account) {
    warn('The script element needs data-account with the key of a web chat account: <script async src="https://…/widget.js" data-account="KEY"></script>');
    return null;
  }
  const { position } = script.dataset;
  return {
    origin: new URL(script.src, location.href).origin,
    account,
    locale: script.dataset['locale'] ?? null,
    position: position === 'left' || position === 'right' ? position : null,
  };
}

/** Starts the widget on this page and answers `window.fanward`. The page's body has to exist. */
export function boot(settings: Settings): void {
  const before = window.fanward as Stub | undefined;
  if (before?.live) {
    warn("The widget runs already. Call fanward('shutdown') before loading it again.");
    return;
  }
  const chat = new Chat(settings.origin, settings.account, {
    onGone: (error) => {
      stop();
      explain(settings, error);
    },
    onUnreachable: () => onUnreachable(chat, settings),
  });
  const tags = [settings.locale, document.documentElement.lang, navigator.language];
  locale.value = chooseLocale(tags, 'en');
  const stopLocale = effect(() => {
    // Only a visitor whose own languages are all unknown gets the account's.
    const fallback = chat.state.config.value?.default_locale;
    if (fallback && tags.every((tag) => !matchLocale(tag)) && !commands.localeChosen) locale.value = fallback;
  });
  const unmount = mount(chat, settings.position);
  const stop = (): void => {
    commands.stop();
    stopLocale();
    unmount();
    delete window.fanward;
  };
  const commands = new Commands(chat, () => {
    chat.shutdown();
    stop();
  });
  const live: Stub = (...args) => commands.run(args);
  live.live = true;
  window.fanward = live;
  for (const args of Array.from(before?.q ?? [])) commands.run(args);
  chat.begin();
}

/** The browser hides whether a failure was the network or a refused origin; a request without rules tells. */
function onUnreachable(chat: Chat, { origin }: Settings): void {
  if (chat.showRemembered() || warned) return;
  warned = true;
  void chat.api.reachable().then((reachable) => {
    if (reachable) warnOrigin(origin);
  });
}

let warned = false;

function explain({ origin, account }: Settings, { code }: CodedError): void {
  if (code === 'account_disabled') return; // Switched off on purpose: nothing to say to anyone here.
  if (code === 'origin_refused') warnOrigin(origin);
  else if (code === 'not_found') warn(`There is no web chat account with the key ${JSON.stringify(account)} at ${origin}. Copy the snippet again from the account's settings.`);
  else warn(`The chat cannot start (${code}).`);
}

function warnOrigin(origin: string): void {
  warn(`${origin} does not accept this website. Add ${location.origin} to the allowed websites of the web chat account.`);
}
