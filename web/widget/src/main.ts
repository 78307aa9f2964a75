import { boot, readSettings } from './boot';

// The element is known only while the script runs for the first time.
const script = document.currentScript as HTMLScriptElement | null;
const settings = readSettings(script ?? document.querySelector<HTMLScriptElement>('script[data-account][src*="widget.js"]'));
if (settings) {
  if (document.body) boot(settings);
  else addEventListener('DOMContentLoaded', () => boot(settings), { once: true });
}
