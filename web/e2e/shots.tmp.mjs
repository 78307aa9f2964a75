// node shots.tmp.mjs DATA PORT LOCALE
import { chromium } from "playwright";
import { spawn } from "node:child_process";
const [data, port, locale, only, variants = "light,dark,phone"] = process.argv.slice(2);
const p = Number(port);
const child = spawn("/tmp/wt/demo/bin/fanward", ["serve"], { cwd: "/tmp", env: { PATH: process.env.PATH, FANWARD_DATA_DIR: data, FANWARD_HTTP_ADDR: `127.0.0.1:${p}`, FANWARD_SANDBOX_SHOP_ADDR: `127.0.0.1:${p+1}`, FANWARD_SANDBOX_PHONE_ADDR: `127.0.0.1:${p+2}`, FANWARD_SANDBOX_MAIL_ADDR: `127.0.0.1:${p+3}`, FANWARD_INSTALLATION_LOCALE: locale } });
let log = "";
for (const s of [child.stdout, child.stderr]) s.on("data", (b) => (log += b));
const until = Date.now() + 30000;
while (!/sign-in\/link#token=\S+/.test(log) && Date.now() < until && child.exitCode === null) await new Promise((r) => setTimeout(r, 100));
console.log(log);
const link = /https?:\/\/\S+\/sign-in\/link#token=\S+/.exec(log)?.[0];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless", "--no-sandbox", "--disable-gpu"] });
const base = `http://127.0.0.1:${p}`;
const ctx = await browser.newContext({ viewport: { width: 1440, height: 900 }, timezoneId: "Asia/Shanghai", locale });
const page = await ctx.newPage();
page.setDefaultTimeout(40000);
await page.goto(link);
await page.getByTestId("sign-in-link-submit").click();
await page.getByTestId("welcome-name").fill(locale === "en" ? "Lin" : "林掌柜");
const email = page.getByTestId("welcome-email");
if (await email.isVisible()) await email.fill("owner@tea.example");
await page.getByTestId("welcome-password").fill("correct horse battery");
await page.getByTestId("welcome-submit").click();
await page.waitForTimeout(2500);
const api = async (path) => page.evaluate(async (x) => (await fetch("/api/v1" + x)).json(), path);
const convs = await api("/conversations?status=all&limit=100");
const long = convs.items.sort((a, b) => b.last_seq - a.last_seq)[0];
const mail = convs.items.find((c) => c.channel === "email" && c.last_seq > 4);
const wechat = convs.items.find((c) => c.channel === "wechat");
const pic = convs.items.find((c) => /壶盖|broken/.test(JSON.stringify(c)));
const custs = await api("/customers?limit=50&stage=fan");
const cust = custs.items[0] ?? (await api("/customers?limit=50&stage=customer")).items[0];
const js = await api("/journeys"); const segs = await api("/segments");
const accounts = await api("/accounts");
const cart = js.items.find((j) => /cart|加购/.test(j.name)), invite = js.items.find((j) => /Invite|邀请/.test(j.name));
const pages = { inbox: "/inbox", "inbox-all": "/inbox?view=all&status=all", long: `/inbox/${long.id}?view=all&status=all`, mail: `/inbox/${mail?.id}?view=all&status=all`, wechat: `/inbox/${wechat?.id}?view=all&status=all`, deliveries: "/deliveries", customers: "/customers", customer: `/customers/${cust?.id}`, tasks: "/tasks", journeys: "/journeys", canvas: `/journeys/${cart?.id}`, "journey-people": `/journeys/${cart?.id}?tab=people`, "journey-overview": `/journeys/${cart?.id}?tab=overview`, "invite": `/journeys/${invite?.id}`, segments: "/segments", segment: `/segments/${segs.items[0]?.id}`, "segment-people": `/segments/${segs.items[0]?.id}?tab=people`, "segment-history": `/segments/${segs.items[0]?.id}?tab=history`, stages: "/stages", events: "/events", debugger: "/events?tab=debugger", keys: "/settings/write-keys", sending: "/settings/sending", teammates: "/teammates", teams: "/teams", accounts: "/accounts", account: `/accounts/${accounts.items[0]?.id}`, tokens: "/tokens", preferences: "/preferences" };
const problems = [];
page.on("console", (m) => m.type() === "error" && problems.push(m.text()));
async function shoot(p, v, width) {
  for (const [name, path] of Object.entries(pages)) {
    if (only && only !== "all" && !only.split(",").includes(name)) continue;
    await p.goto(base + path);
    await p.waitForTimeout(1300);
    const over = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) console.log("OVERFLOW", v, name, over);
    if (locale === "zh-CN") {
      const text = await p.evaluate(() => document.body.innerText);
      const english = [...new Set(text.split("\n").filter((l) => /[A-Za-z]{4,} [a-z]{2,} [a-z]{2,}/.test(l) && !/[\u4e00-\u9fff]/.test(l)))];
      if (english.length) console.log("ENGLISH", v, name, JSON.stringify(english.slice(0, 8)));
    }
    await p.screenshot({ path: `/tmp/shots/${locale}-${v}-${name}.png` });
  }
}
if (variants.includes("light")) await shoot(page, "light");
if (variants.includes("dark")) { await page.evaluate(async () => { const csrf = document.cookie; }); await page.emulateMedia({ colorScheme: "dark" }); await shoot(page, "dark"); await page.emulateMedia({ colorScheme: "light" }); }
if (variants.includes("phone")) { await page.setViewportSize({ width: 390, height: 844 }); await shoot(page, "phone"); }
console.log([...new Set(problems)].slice(0, 10).join("\n"));
await browser.close();
child.kill("SIGTERM");
await new Promise((r) => child.once("exit", r));
