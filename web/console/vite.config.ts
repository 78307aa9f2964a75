/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Address of a running Fanward that `vite` forwards to while developing. */
const backend = process.env.FANWARD_DEV_TARGET ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/",
  plugins: [react()],
  resolve: {
    alias: {
      "@catalog": here("../../internal/locale/catalog"),
      "@": here("./src"),
    },
  },
  build: {
    outDir: "dist",
    // public/ holds the committed placeholder, so emptying dist puts it back.
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    chunkSizeWarningLimit: 2000,
  },
  server: {
    fs: { allow: [here("../.."), here("..")] },
    proxy: {
      "/api": { target: backend, ws: true },
      "/channels": { target: backend, ws: true },
      "/widget.js": { target: backend },
    },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
  },
});
