// Clicks every control of a page, each from a fresh state, and asks what it did.
import type { Page } from "@playwright/test";

/** What is seen of one control. */
interface Found {
  key: string;
  name: string;
  /** A field one writes into: a click has to bring the cursor into it. */
  field: boolean;
}

export interface CrawlOptions {
  /** Opens the page anew and puts back what earlier clicks changed. `wrote` tells that something was sent to the server. */
  fresh: (wrote: boolean) => Promise<void>;
  /** A page of the same origin without anything on it, gone to before. */
  blank?: string;
  /** Controls by their key that are left out, each with an own check elsewhere. */
  skip?: RegExp;
  /** Only controls inside this element; the whole page without it. */
  within?: string;
  /** Controls that many pages share and one crawl has clicked. */
  seen?: Set<string>;
}

/** Runs in the page: names controls, watches what happens. */
function watcher(): void {
  interface Crawl {
    effects: string[];
    list: (within?: string, layer?: boolean) => Found[];
    aim: (key: string, within?: string) => Promise<{ x: number; y: number } | string>;
    arm: () => void;
    settled: () => Promise<void>;
    effect: (ms: number) => Promise<string[]>;
  }
  const controls =
    "a[href], button, input, textarea, select, summary, [role=button], [role=menuitem], [role=tab], [role=switch], [role=option], [role=combobox], [role=menuitemradio], .ant-select-item-option, label.ant-segmented-item";
  const layers = ".ant-dropdown, .ant-dropdown-menu-submenu, .ant-popover, .ant-modal, .ant-select-dropdown, .ant-picker-dropdown, .lightbox, [role=dialog]";
  const everywhere = (root: ParentNode): Element[] => {
    const out: Element[] = [];
    for (const element of root.querySelectorAll("*")) {
      if (element.matches(controls)) out.push(element);
      if (element.shadowRoot) out.push(...everywhere(element.shadowRoot));
    }
    return out;
  };
  const visible = (element: Element): boolean => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && element.checkVisibility({ visibilityProperty: true }) && !element.closest(".skip-link, [aria-hidden=true]");
  };
  const idle = (element: Element): boolean => {
    // Where one already is, or what is already chosen, has nothing to do.
    if (element.getAttribute("aria-selected") === "true" || element.getAttribute("aria-checked") === "true" && element.getAttribute("role") !== "switch") return true;
    if (element.matches(".ant-segmented-item-selected, .ant-select-item-option-selected, .ant-dropdown-menu-item-selected, .ant-menu-item-selected, input[readonly]:not([role=combobox]), textarea[readonly]")) return true;
    return element instanceof HTMLAnchorElement && element.href === location.href;
  };
  const off = (element: Element): boolean => element.matches(":disabled, [aria-disabled=true], [disabled], .ant-select-item-option-disabled");
  const words = (element: Element): string =>
    (element.getAttribute("aria-label") || element.getAttribute("title") || (element as HTMLInputElement).placeholder || element.textContent || element.id || "").replace(/now|\d+[mh]?( ago)?/g, "#").replace(/#+/g, "#").replace(/\s+/g, " ").trim().slice(0, 48);
  const fresh = (within?: string): Map<string, Element> => {
    const root = within ? document.querySelector(within) : document.body;
    const out = new Map<string, Element>();
    if (!root) return out;
    for (const element of everywhere(root.shadowRoot ?? root)) {
      if (!visible(element) || off(element) || idle(element)) continue;
      if (element instanceof HTMLInputElement && (element.type === "radio" || element.type === "file") && element.closest("label")) continue;
      const testid = element.getAttribute("data-testid") ?? "";
      // A row's words change with its age and what is unread.
      const stem = `${testid}|${element.getAttribute("role") ?? element.localName}|${testid.endsWith("-row") ? "" : words(element)}`;
      let key = stem;
      for (let i = 2; out.has(key); i++) key = `${stem}|${i}`;
      out.set(key, element);
    }
    return out;
  };
  const isField = (element: Element): boolean => element.matches("textarea, input:not([type=checkbox], [type=radio], [type=color], [type=submit], [role=combobox])");
  const state = (): string =>
    everywhere(document.body)
      .map((e) => (e instanceof HTMLInputElement ? `${e.checked}${e.value}` : e instanceof HTMLTextAreaElement ? e.value : e.hasAttribute("open") ? "open" : ""))
      .join("|") + (document.activeElement?.shadowRoot?.activeElement ?? document.activeElement)?.id;
  const focused = (): Element | null => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at;
  };
  let armed: { url: string; state: string; focus: Element | null } | null = null;
  let changedAt = performance.now();
  const counts = (m: MutationRecord): boolean => {
    const target = m.target instanceof Element ? m.target : m.target.parentElement;
    if (target?.closest(".ant-tooltip")) return false;
    if (m.type !== "attributes") return ![...m.addedNodes, ...m.removedNodes].some((n) => n instanceof Element && (n.matches(".ant-tooltip") || n.querySelector(".ant-tooltip") !== null));
    return !["class", "style", "aria-describedby", "data-crawl"].includes(m.attributeName ?? "");
  };
  const note = (what: string): void => void (armed && !crawl.effects.includes(what) && crawl.effects.push(what));
  const watch = (root: Node): void => {
    new MutationObserver((all) => {
      const real = all.filter(counts);
      if (real.length === 0) return;
      changedAt = performance.now();
      note("dom");
      for (const m of real) for (const n of m.addedNodes) if (n instanceof Element) for (const e of [n, ...n.querySelectorAll("*")]) if (e.shadowRoot) watch(e.shadowRoot);
    }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
  };
  const crawl: Crawl = {
    effects: [],
    list: (within, layer) => [...fresh(within)].filter(([, element]) => !layer || element.closest(layers)).map(([key, element]) => ({ key, name: `${element.localName} “${words(element)}” ${element.getAttribute("data-testid") ?? ""}`.trim(), field: isField(element) })),
    aim: async (key, within) => {
      let element = fresh(within).get(key);
      const until = performance.now() + 3_000;
      while (!element && performance.now() < until) {
        await new Promise((r) => setTimeout(r, 50));
        element = fresh(within).get(key);
      }
      if (!element) return "gone";
      element.scrollIntoView({ block: "center", inline: "nearest" });
      // What is still moving into place would be missed.
      let box = element.getBoundingClientRect();
      for (let still = 0; still < 2 && performance.now() < until; ) {
        await new Promise(requestAnimationFrame);
        const next = element.getBoundingClientRect();
        still = next.x === box.x && next.y === box.y && next.width === box.width && next.height === box.height ? still + 1 : 0;
        box = next;
      }
      const x = box.x + box.width / 2;
      const y = box.y + box.height / 2;
      let hit = document.elementFromPoint(x, y);
      while (hit?.shadowRoot?.elementFromPoint(x, y) && hit.shadowRoot.elementFromPoint(x, y) !== hit) hit = hit.shadowRoot.elementFromPoint(x, y);
      if (!hit) return "outside the window";
      const around = element.closest(".ant-select, .ant-picker, label, .ant-input-affix-wrapper") ?? element;
      return around.contains(hit) || hit.contains(element) ? { x, y } : `covered by ${hit.localName}.${hit.className}`;
    },
    arm: () => {
      crawl.effects = [];
      armed = { url: location.href, state: state(), focus: focused() };
    },
    settled: async () => {
      const until = performance.now() + 4_000;
      while (performance.now() < until && performance.now() - changedAt < 120) await new Promise((r) => setTimeout(r, 30));
    },
    effect: async (ms) => {
      const until = performance.now() + ms;
      for (;;) {
        if (armed && location.href !== armed.url) note("address");
        if (armed && state() !== armed.state) note("state");
        const now = focused();
        if (armed && now?.matches("input, textarea, select")) note("field");
        if (crawl.effects.length > 0 || performance.now() > until) return crawl.effects;
        await new Promise((r) => setTimeout(r, 25));
      }
    },
  };
  Object.assign(window, { crawl });
  // What leaves no mark in the document.
  const asks = window.Notification?.requestPermission.bind(window.Notification);
  if (asks) window.Notification.requestPermission = (...args) => (note("permission"), asks(...args));
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...args) {
    note("sound");
    return start.apply(this, args);
  };
  addEventListener("scroll", () => note("scroll"), true);
  const begin = (): void => watch(document);
  begin();
}

/** Sees to it that every document of the page is watched. Call it before the first goto. */
export async function prepareCrawl(page: Page): Promise<void> {
  await page.addInitScript(watcher);
}

type InPage = { crawl: { list: (w?: string, layer?: boolean) => Found[]; aim: (k: string, w?: string) => Promise<{ x: number; y: number } | string>; arm: () => void; settled: () => Promise<void>; effect: (ms: number) => Promise<string[]> } };

const list = (page: Page, within?: string, layer = false) => page.evaluate(([w, l]) => (window as unknown as InPage).crawl.list(w ?? undefined, l), [within ?? null, layer] as const);
const settled = (page: Page) => page.evaluate(() => (window as unknown as InPage).crawl.settled());

/** How long a control may take to show that it lives. */
const PATIENCE = 4_000;

class Crawler {
  readonly dead: string[] = [];
  clicked = 0;
  private outside: string[] = [];
  private wrote = false;

  constructor(
    private readonly page: Page,
    private readonly options: CrawlOptions,
  ) {
    page.on("request", (r) => {
      if (r.resourceType() === "websocket") return;
      if (r.method() !== "GET") this.wrote = true;
      if (["fetch", "xhr", "document"].includes(r.resourceType())) this.outside.push("request");
    });
    page.on("filechooser", () => this.outside.push("file chooser"));
    page.on("download", () => this.outside.push("download"));
    page.on("dialog", (d) => (this.outside.push("dialog"), void d.accept()));
    page.context().on("page", (p) => {
      this.outside.push("new page");
      void p.close();
    });
  }

  async fresh(): Promise<void> {
    // What the page was about to save is saved before anything is put back.
    if (this.options.blank) await this.page.goto(this.options.blank);
    const { wrote } = this;
    this.wrote = false;
    await this.options.fresh(wrote);
    await settled(this.page);
  }

  /** Clicks one control of the page as it is; answers what happened, or why it could not be clicked. */
  async click(key: string): Promise<string[] | string> {
    const at = await this.page.evaluate(([k, w]) => (window as unknown as InPage).crawl.aim(k!, w ?? undefined), [key, this.options.within ?? null] as const);
    if (typeof at === "string") return at;
    this.outside = [];
    await this.page.evaluate(() => (window as unknown as InPage).crawl.arm());
    await this.page.mouse.click(at.x, at.y);
    this.clicked++;
    // A click that loads another document takes the watcher with it: that is an effect, too.
    const inside = await this.page.evaluate((ms) => (window as unknown as InPage).crawl.effect(ms), PATIENCE).catch(() => ["document"]);
    return [...inside, ...this.outside];
  }

  private judge(found: Found, result: string[] | string, via = ""): void {
    if (typeof result === "string") this.dead.push(`${via}${found.name}: ${result}`);
    else if (result.length === 0) this.dead.push(`${via}${found.name}: nothing happened`);
  }

  private wanted(found: Found): boolean {
    const { skip, seen } = this.options;
    if (skip?.test(found.key) || seen?.has(found.key)) return false;
    seen?.add(found.key);
    return true;
  }

  async run(): Promise<void> {
    await this.fresh();
    const first = await list(this.page, this.options.within);
    const known = new Set(first.map((f) => f.key));
    let clean = true;
    for (const control of first.filter((f) => this.wanted(f))) {
      if (!clean) await this.fresh();
      const result = await this.click(control.key);
      clean = control.field && Array.isArray(result) && !result.includes("request");
      this.judge(control, result);
      if (control.field || !Array.isArray(result) || result.includes("address") || result.includes("document")) continue;
      await this.layer(control, known);
    }
  }

  /** Clicks what a control brought up: the items of a menu, the fields of a dialog. */
  private async layer(opener: Found, known: Set<string>): Promise<void> {
    await settled(this.page);
    const items = (await list(this.page, this.options.within, true)).filter((f) => !known.has(f.key) && this.wanted(f));
    let clean = true;
    for (const item of items) {
      if (!clean) {
        await this.fresh();
        const again = await this.click(opener.key);
        if (typeof again === "string") {
          this.dead.push(`${opener.name} › ${item.name}: the opener is ${again}`);
          continue;
        }
        await settled(this.page);
      }
      const result = await this.click(item.key);
      clean = item.field && Array.isArray(result) && !result.includes("request");
      this.judge(item, result, `${opener.name} › `);
    }
  }
}

/** Clicks everything; answers the names of what had no effect, and how many were clicked. */
export async function crawl(page: Page, options: CrawlOptions): Promise<{ dead: string[]; clicked: number }> {
  const crawler = new Crawler(page, options);
  await crawler.run();
  page.removeAllListeners("request");
  page.removeAllListeners("filechooser");
  page.removeAllListeners("download");
  page.removeAllListeners("dialog");
  page.context().removeAllListeners("page");
  return crawler;
}
