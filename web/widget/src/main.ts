import { boot } from './boot';

// The element is known only while the script runs for the first time.
const script = document.currentScript ?? document.querySelector('script[data-account][src*="widget.js"]');
const start = (): void => boot(script as HTMLScriptElement | null);
if (document.body) start();
else addEventListener('DOMContentLoaded', start, { once: true });
