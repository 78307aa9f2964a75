import { effect } from './reactive';
import { createChat } from './chat';
import { createCommands, warn } from './commands';
import { chooseLocale, locale, matchLocale } from './locale';
import { mount } from './ui/mount';

/** Starts the widget on this page and answers `window.fanward`. The page's body has to exist. */
export function boot(script: HTMLScriptElement | null): void {
  const { account, position, locale: wanted } = script?.dataset ?? {};
  if (!script || !account) return warn('the script element has no data-account');
  if (window.fanward?.live) return warn("already running; call fanward('shutdown') first");
  const origin = new URL(script.src, location.href).origin;
  const tags = [wanted, document.documentElement.lang, navigator.language];
  const wrongOrigin = (): void => warn(`${origin} refuses this website. Add ${location.origin} to the allowed websites of the web chat account.`);
  let probed = false;

  const chat = createChat(origin, account, {
    gone({ code }) {
      stop();
      if (code === 'origin_refused') wrongOrigin();
      else if (code !== 'account_disabled') warn(`${code}: no web chat account ${account} at ${origin}. Copy the snippet again.`);
    },
    unreachable() {
      // The browser hides whether the network failed or the origin was refused; a request without such rules tells.
      if (!probed) chat.probe().then(wrongOrigin, () => undefined);
      probed = true;
    },
    identityRefused: (code) => warn(`${code}: hash must be the hex HMAC-SHA256 of user_id with the account's identity secret. The visitor stays anonymous.`),
  });
  const commands = createCommands(chat, () => {
    chat.shutdown();
    stop();
  });
  locale.value = chooseLocale(tags, 'en');
  const unmount = mount(chat, position === 'left' || position === 'right' ? position : undefined);
  const stopLocale = effect(() => {
    // Only a visitor whose own languages are all unknown gets the account's.
    const fallback = chat.state.config.value?.default_locale;
    if (fallback && !tags.some(matchLocale) && !commands.localeChosen()) locale.value = fallback;
  });

  function stop(): void {
    commands.stop();
    stopLocale();
    unmount();
    delete window.fanward;
  }

  const waiting = window.fanward?.q ?? [];
  window.fanward = Object.assign((...args: unknown[]) => commands.run(args), { live: true });
  for (const args of Array.from(waiting)) commands.run(args);
  chat.begin();
}
