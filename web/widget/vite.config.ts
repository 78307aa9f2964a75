import { defineConfig } from 'vitest/config';

// One self-contained script: the page that carries it loads nothing else.
export default defineConfig({
  build: {
    target: 'es2020',
    cssTarget: ['chrome123', 'safari17.5', 'firefox123'], // Spares fallbacks; what old browsers do not know they ignore.
    outDir: 'dist',
    emptyOutDir: false, // dist keeps its committed placeholder
    lib: { entry: 'src/main.ts', name: 'FanwardWidget', formats: ['iife'], fileName: () => 'widget.js' },
    minify: true,
    sourcemap: false,
  },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    restoreMocks: true,
  },
});
