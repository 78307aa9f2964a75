// Fails the build when what a browser must load for the first page (entry,
// its static imports, the inbox route, styles) is over the budget.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 600 * 1024;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf8"));

// Only this check needs it; it is not part of what is served.
rmSync(new URL("manifest.json", dist));

const files = new Set();
const seen = new Set();

function collect(key) {
  if (seen.has(key)) return;
  seen.add(key);
  const chunk = manifest[key];
  if (!chunk) throw new Error(`check-budget: no chunk ${key} in the manifest`);
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) collect(next);
}

collect("index.html");
for (const first of ["src/routes/app.tsx", "src/routes/inbox.tsx"]) collect(first);
// One language is loaded, the larger one counts.
const locales = Object.keys(manifest).filter((key) => /src\/i18n\/bundles\//.test(key));
let largest = 0;
for (const key of locales) {
  const own = gzipSync(readFileSync(new URL(manifest[key].file, dist))).length;
  largest = Math.max(largest, own);
}

let total = largest;
for (const file of files) total += gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;

const kb = (n) => `${(n / 1024).toFixed(1)} KB`;
console.log(`first route: ${kb(total)} gzipped of ${kb(BUDGET)} (${files.size} files and one language)`);
if (total > BUDGET) {
  console.error("check-budget: the first route is over its budget. Load something lazily.");
  process.exit(1);
}
