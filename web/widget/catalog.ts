import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

const LANGUAGES = ['en', 'zh-CN'];
const FOLDER = new URL('../../internal/locale/catalog/', import.meta.url);

type Sentences = Record<string, string>;

/**
 * Offers the widget's sentences as `virtual:catalog`: for each key a list with one sentence per language, English
 * first, so that the script holds every key once. Keys of errors begin with `error.`.
 */
export function catalog(): Plugin {
  const id = 'virtual:catalog';
  return {
    name: 'catalog',
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(resolved) {
      if (resolved !== `\0${id}`) return null;
      const [first, ...others] = LANGUAGES.map((language) => {
        const file = new URL(`${language}/widget.json`, FOLDER);
        this.addWatchFile(file.pathname);
        return flatten(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string | Sentences>);
      });
      const rows = Object.entries(first ?? {}).map(([key, sentence]) => {
        const row = [sentence, ...others.map((other) => other[key])];
        if (row.includes(undefined)) throw new Error(`widget.json: ${key} is not in every language`);
        return [key, row] as const;
      });
      return `export default ${JSON.stringify(Object.fromEntries(rows))}`;
    },
  };
}

function flatten(nested: Record<string, string | Sentences>): Sentences {
  const { error, ...rest } = nested;
  const errors = Object.entries(error ?? {}).map(([code, sentence]) => [`error.${code}`, sentence] as const);
  return { ...(rest as Sentences), ...Object.fromEntries(errors) };
}
