import { defineConfig } from 'vitest/config';
import { catalog } from './catalog.ts';

// Members that nobody outside the script sees get short names: none of the DOM, the protocol, the storage or the catalogue.
const OWN_MEMBERS = [
  'addFiles|behind|blocked|changedElsewhere|defect|delayed|drain|dropUnsent|establish|fileURL|forget|forgetPosition|hasEarlier',
  'identityRefused|interrupted|keepDraft|loadEarlier|loadingEarlier|localeChosen|markRead|needsFiles|newDay|newestAnswer|newestOwn',
  'nudge|otherPerson|previewPutAway|probe|putPreviewAway|readUpTo|received|refused|renewed|restart|sendable|sessionUnread',
  'setConversation|settle|showTyping|socketURL|unreachable',
].join('|');

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
    cssTarget: ['chrome100', 'safari15.4', 'firefox100'],
    outDir: 'dist',
    emptyOutDir: false, // dist keeps its committed placeholder
    lib: { entry: 'src/main.ts', name: 'FanwardWidget', formats: ['iife'], fileName: () => 'widget.js' },
    minify: 'terser',
    terserOptions: {
      ecma: 2020,
      compress: { passes: 3, hoist_funs: true, keep_fargs: false },
      format: { ecma: 2020 },
      mangle: { properties: { regex: new RegExp(`^(${OWN_MEMBERS})$`) } },
    },
    sourcemap: false,
  },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    setupFiles: ['test/setup.ts'],
    restoreMocks: true,
  },
});
