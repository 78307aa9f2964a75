// Playwright's test, which leaves no window open: a page whose program has
// gone asks for it for ever, and makes every test after it slower.
import { test as base } from "@playwright/test";

export * from "@playwright/test";

export const test = base.extend<{ tidy: void }>({
  tidy: [
    async ({ browser }, use) => {
      await use();
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    { auto: true },
  ],
});
