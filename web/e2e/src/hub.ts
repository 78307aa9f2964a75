// Starts the real binary and speaks to it as an integrator would.
import { test } from "@playwright/test";

import { Node, freePort } from "./node";

export { freePort } from "./node";

/** How many nodes the stories of this run have. */
export const nodes = (): number => (test.info().project.name === "two nodes" ? 2 : 1);

/**
 * A running installation with the shipped configuration: one node, or two where
 * teammates are on one and everybody else is on the other.
 */
export abstract class Hub {
  /** Where teammates and integrators are. */
  abstract readonly url: string;
  /** Where visitors are, and what shops and WeChat send. */
  abstract readonly visitorsURL: string;
  abstract readonly shopURL: string;
  abstract readonly phoneURL: string;
  abstract readonly mailURL: string;

  static async start(env: Record<string, string> = {}): Promise<Hub> {
    if (nodes() === 2) return (await import("./cluster")).Cluster.begin(env);
    return Single.begin(env);
  }

  /** Starts it again, after kill. */
  abstract up(env?: Record<string, string>): Promise<void>;
  /** Ends it at once, without goodbye. */
  abstract kill(): Promise<void>;
  /** Ends it in order, with all it has stored. */
  abstract stop(): Promise<void>;
  /** Runs an admin command; the answer is what it prints on standard output. */
  abstract command(...args: string[]): string;
  abstract output(): string;

  /** The owner's one-time sign-in link that the program prints. */
  ownerLink(): string {
    const links = [...this.output().matchAll(/https?:\/\/\S+(\/sign-in\/link#token=\S+)/g)];
    const last = links.at(-1)?.[1]; // a newer one replaces those before
    if (!last) throw new Error(`no sign-in link was printed:\n${this.output()}`);
    return this.url + last;
  }
}

/** An installation of one node, on SQLite. */
class Single extends Hub {
  private constructor(
    private readonly node: Node,
    readonly shopURL: string,
    readonly phoneURL: string,
    readonly mailURL: string,
  ) {
    super();
  }

  static async begin(env: Record<string, string>): Promise<Hub> {
    const [port, shop, phone, mail] = [await freePort(), `127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const node = new Node(port, { FANWARD_SANDBOX_SHOP_ADDR: shop, FANWARD_SANDBOX_PHONE_ADDR: phone, FANWARD_SANDBOX_MAIL_ADDR: mail });
    const hub = new Single(node, `http://${shop}`, `http://${phone}`, `http://${mail}`);
    await hub.up(env);
    return hub;
  }

  get url(): string {
    return this.node.url;
  }

  get visitorsURL(): string {
    return this.node.url;
  }

  up(env: Record<string, string> = {}): Promise<void> {
    return this.node.up(env);
  }

  kill(): Promise<void> {
    return this.node.kill();
  }

  stop(): Promise<void> {
    return this.node.stop();
  }

  command(...args: string[]): string {
    return this.node.command(...args);
  }

  output(): string {
    return this.node.output();
  }
}

/** Calls of /api/v1 with a bearer token. */
export class Api {
  constructor(
    readonly url: string,
    private readonly token: string,
  ) {}

  static owner(hub: Hub): Api {
    return new Api(hub.url, hub.command("token", "create", "--role", "owner", "--name", "e2e"));
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const r = await this.fetch(method, path, body);
    const text = await r.text();
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** Asks again, for a while, where nobody can have heard it. */
  private async fetch(method: string, path: string, body: unknown): Promise<Response> {
    for (const end = Date.now() + 10_000; ; await new Promise((ok) => setTimeout(ok, 200))) {
      const r = await fetch(`${this.url}/api/v1${path}`, {
        method,
        headers: { Authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const again = r.status === 503 || (r.status === 502 && method === "GET");
      if (!again || Date.now() > end) return r;
    }
  }

  /** A teammate with a password-less one-time link; the link is the answer. */
  async invite(name: string, role: string, more: Record<string, unknown> = {}): Promise<{ id: string; link: string }> {
    const email = `${name.toLowerCase()}@example.com`;
    const r = await this.call<{ teammate: { id: string }; invite_url: string }>("POST", "/teammates", { email, name, role, locale: "en", ...more });
    return { id: r.teammate.id, link: r.invite_url };
  }
}

/** A conversation of a visitor with a hub's shop, written through the public protocol without a browser. */
export async function visitorWrites(hub: Hub, texts: string[], visitor?: string): Promise<{ visitor: string; conversation: string }> {
  const page = await (await fetch(hub.shopURL)).text();
  const key = /data-account="([^"]+)"/.exec(page)?.[1];
  if (!key) throw new Error("the shop names no account");
  const post = async (path: string, body: unknown, token?: string) => {
    const r = await fetch(`${hub.visitorsURL}/channels/webchat/${key}/${path}`, {
      method: "POST",
      headers: { Origin: hub.shopURL, "Content-Type": "application/json", ...(token ? { Authorization: `Visitor ${token}` } : {}) },
      body: JSON.stringify(body),
    });
    if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
    return (await r.json()) as { visitor: string; conversation_id: string };
  };
  const token = visitor ?? (await post("session", {})).visitor;
  let conversation = "";
  for (const [i, body] of texts.entries()) conversation = (await post("messages", { client_key: `${Date.now()}-${i}`, body, attachment_ids: [] }, token)).conversation_id;
  return { visitor: token, conversation };
}
