import { defineConfig } from "@playwright/test";

// "2": every story on two nodes, and nothing else; "1": on one. Otherwise all on
// one, and what is tagged @nodes on two as well.
const nodes = process.env["FANWARD_E2E_NODES"];

// Debian's Chromium; nothing is downloaded. Each test starts the built binary
// with a data folder of its own, so tests may run side by side.
export default defineConfig({
  testDir: "tests",
  globalSetup: "./src/servers.ts",
  projects: [...(nodes === "2" ? [] : [{ name: "one node" }]), ...(nodes === "1" ? [] : [{ name: "two nodes", ...(nodes === "2" ? {} : { grep: /@nodes/ }) }])],
  timeout: 180_000,
  // Only waited for where a busy machine needs it.
  expect: { timeout: 20_000 },
  // They wait more than they work.
  workers: 3,
  fullyParallel: true,
  forbidOnly: true,
  // The README's pictures are made on request.
  testIgnore: process.env["FANWARD_SCREENSHOTS"] ? [] : ["pictures.spec.ts"],
  // What takes minutes belongs to the long run, `make soak`.
  ...(process.env["FANWARD_SOAK"] ? {} : { grepInvert: /@long/ }),
  // What passes only at the second try does not pass.
  retries: 0,
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    actionTimeout: 20_000,
    browserName: "chromium",
    // Recording a trace makes every step several times slower.
    trace: process.env["FANWARD_TRACE"] ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
    // A program clicks before a menu has come to rest, and then beside what it
    // aimed at; the first story moves as most people have it.
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
