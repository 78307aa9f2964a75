import { defineConfig } from 'vitest/config';
import { catalog } from './catalog.ts';

// One self-contained script: the page that carries it loads nothing else.
export default defineConfig({
  plugins: [
    catalog(),
    {
      // The mark keeps Chinese readable on pages that are not UTF-8 and from servers that name no charset.
      name: 'byte-order-mark',
      generateBundle(_, bundle) {
        for (const file of Object.values(bundle)) if (file.type === 'chunk') file.code = `\uFEFF${file.code}`;
      },
    },
  ],
  build: {
    target: 'es2020',
    cssTarget: ['chrome123', 'safari17.5', 'firefox123'], // Spares fallbacks; what old browsers do not know they ignore.
    outDir: 'dist',
    emptyOutDir: false, // dist keeps its committed placeholder
    lib: { entry: 'src/main.ts', name: 'FanwardWidget', formats: ['iife'], fileName: () => 'widget.js' },
    minify: 'terser',
    terserOptions: { ecma: 2020, compress: { passes: 3, hoist_funs: true, keep_fargs: false }, format: { ecma: 2020 } },
    sourcemap: false,
  },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    setupFiles: ['test/setup.ts'],
    restoreMocks: true,
  },
});
