// An installation of two equal nodes with PostgreSQL and Redis: teammates and
// integrators are on one, visitors and followers on the other.
import { expect } from "@playwright/test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Balancer } from "./balancer";
import { type Greeting, greeted, greetings, present } from "./greetings";
import { Api, Hub } from "./hub";
import { atMidway } from "./midway";
import { Node, freePort, until } from "./node";
import { Redis, secretKey, sharedPostgres } from "./servers";

/** Which node is killed in the middle of each story, "agents" or "visitors". */
const victim = process.env["FANWARD_E2E_KILL"];
/** "stopped": Redis ends once the nodes are up. */
const redisIs = process.env["FANWARD_E2E_REDIS"];

/** Whose node is killed. */
const struck = victim === "agents" ? "teammate" : "visitor";
/** How long a killed node stays away at least, in milliseconds. */
const away = 3_000;

let count = 0;

export class Cluster extends Hub {
  private readonly database = `fanward_e2e_${process.pid}_${++count}`;
  private readonly files = mkdtempSync(join(tmpdir(), "fanward-e2e-files-"));
  private balancer: Balancer | null = null;
  private agents!: Node;
  private visitors!: Node;
  private redis!: Redis;
  /** The killed node on its way back. */
  private back: Promise<void> | null = null;
  shopURL = "";
  phoneURL = "";
  mailURL = "";

  static async begin(env: Record<string, string>): Promise<Hub> {
    const hub = new Cluster();
    greetings(); // what stories before have left
    const pages = [await freePort(), await freePort(), await freePort()].map((p) => `127.0.0.1:${p}`) as [string, string, string];
    [hub.shopURL, hub.phoneURL, hub.mailURL] = pages.map((p) => `http://${p}`) as [string, string, string];
    const front = victim ? await freePort() : 0;
    hub.redis = await Redis.start();
    sharedPostgres().create(hub.database);
    const settings = {
      FANWARD_DATABASE_URL: sharedPostgres().url(hub.database),
      FANWARD_REDIS_URL: hub.redis.url,
      FANWARD_SECRET_KEY: secretKey,
      FANWARD_FILES_URL: `file://${hub.files}`,
      FANWARD_SANDBOX_SHOP_ADDR: pages[0],
      FANWARD_SANDBOX_PHONE_ADDR: pages[1],
      FANWARD_SANDBOX_MAIL_ADDR: pages[2],
      ...(victim ? { FANWARD_PUBLIC_URL: `http://127.0.0.1:${front}` } : {}),
    };
    hub.visitors = new Node(await freePort(), settings);
    hub.agents = new Node(await freePort(), settings);
    await hub.up(env);
    if (redisIs === "stopped") await hub.redis.stop();
    if (victim) await hub.hide(front);
    return hub;
  }

  get url(): string {
    return this.balancer?.url ?? this.agents.url;
  }

  get visitorsURL(): string {
    return this.balancer?.url ?? this.visitors.url;
  }

  /** The first to start runs the sandbox's pages: the visitors' node. */
  async up(env: Record<string, string> = {}): Promise<void> {
    await this.visitors.up(env);
    await this.agents.up(env);
  }

  async kill(): Promise<void> {
    await this.back; // whoever was struck before is up again
    await Promise.all([this.visitors.kill(), this.agents.kill()]);
  }

  /** One address before both nodes, and a strike on one of them in the middle of the story. */
  private async hide(port: number): Promise<void> {
    const [agents, visitors] = [this.agents, this.visitors];
    const theirs = /^\/(channels\/|v1\/|widget\.js)/;
    this.balancer = await Balancer.before(port, [agents.url, visitors.url], (path) => (theirs.test(path) ? visitors.url : agents.url));
    await this.balancer.ask();
    const killed = victim === "agents" ? agents : visitors;
    atMidway(() => {
      this.back = this.strike(killed);
      this.back.catch(() => {}); // stop tells of it
    });
  }

  private async strike(node: Node): Promise<void> {
    const survivor = node === this.agents ? this.visitors : this.agents;
    await node.kill();
    await new Promise((ok) => setTimeout(ok, away));
    await until("those whose node was killed are on the other one", () => !present(struck) || greeted(struck, survivor.names[0]!));
    await node.up();
  }

  async stop(): Promise<void> {
    atMidway(null);
    try {
      await this.back;
      if (this.balancer && (await this.sandboxStays())) await until("the sandbox's pages are there again", () => reachable(this.shopURL));
      this.apart(greetings());
    } finally {
      await this.balancer?.close();
      await Promise.all([this.visitors.stop(), this.agents.stop()]);
      await this.redis.stop();
      sharedPostgres().drop(this.database);
      rmSync(this.files, { recursive: true, force: true });
    }
  }

  /** A node that starts runs no sandbox beside real accounts. */
  private async sandboxStays(): Promise<boolean> {
    const { items } = await Api.owner(this).call<{ items: { sandbox: boolean }[] }>("GET", "/accounts");
    return items.every((account) => account.sandbox);
  }

  /** Everybody was greeted by the node they should be on. */
  private apart(heard: Greeting[]): void {
    if (this.back) return; // strike has seen to it
    const names = (to: Greeting["to"]) => new Set(heard.filter((g) => g.to === to).map((g) => g.node));
    const [teammates, visitors] = [names("teammate"), names("visitor")];
    expect([...teammates].filter((n) => !this.agents.names.includes(n)), "other nodes that have greeted teammates").toEqual([]);
    expect([...visitors].filter((n) => !this.visitors.names.includes(n)), "other nodes that have greeted visitors").toEqual([]);
    expect(new Set([...this.agents.names, ...this.visitors.names]).size, "names of nodes").toBeGreaterThan(1);
  }

  command(...args: string[]): string {
    return this.agents.command(...args);
  }

  output(): string {
    return this.visitors.output() + this.agents.output();
  }
}

function reachable(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
    (r) => r.ok,
    () => false,
  );
}
