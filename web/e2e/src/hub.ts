// Starts the real binary and speaks to it as an integrator would.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const binary = process.env["FANWARD_BIN"] ?? resolve(import.meta.dirname, "../../../bin/fanward");
const shippedConfig = resolve(import.meta.dirname, "../../../config.yaml");

export async function freePort(): Promise<number> {
  return new Promise((ok, fail) => {
    const s = createServer();
    s.once("error", fail);
    s.listen(0, "127.0.0.1", () => {
      const a = s.address();
      s.close(() => (a && typeof a === "object" ? ok(a.port) : fail(new Error("no port"))));
    });
  });
}

/** One running Fanward with the shipped configuration, on free ports and a data folder of its own. */
export class Hub {
  readonly dir = mkdtempSync(join(tmpdir(), "fanward-e2e-"));
  url = "";
  shopURL = "";
  phoneURL = "";
  mailURL = "";
  private port = 0;
  private shopPort = 0;
  private phonePort = 0;
  private mailPort = 0;
  private child: ChildProcess | null = null;
  private log = "";

  static async start(env: Record<string, string> = {}): Promise<Hub> {
    const hub = new Hub();
    hub.port = await freePort();
    hub.shopPort = await freePort();
    hub.phonePort = await freePort();
    hub.mailPort = await freePort();
    hub.url = `http://127.0.0.1:${hub.port}`;
    hub.shopURL = `http://127.0.0.1:${hub.shopPort}`;
    hub.phoneURL = `http://127.0.0.1:${hub.phonePort}`;
    hub.mailURL = `http://127.0.0.1:${hub.mailPort}`;
    await hub.up(env);
    return hub;
  }

  private env(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"],
      FANWARD_DATA_DIR: this.dir,
      FANWARD_HTTP_ADDR: `127.0.0.1:${this.port}`,
      FANWARD_SANDBOX_SHOP_ADDR: `127.0.0.1:${this.shopPort}`,
      FANWARD_SANDBOX_PHONE_ADDR: `127.0.0.1:${this.phonePort}`,
      FANWARD_SANDBOX_MAIL_ADDR: `127.0.0.1:${this.mailPort}`,
      ...extra,
    };
  }

  async up(env: Record<string, string> = {}): Promise<void> {
    this.log = "";
    const child = spawn(binary, ["serve", "--config", shippedConfig], { env: this.env(env), stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    for (const s of [child.stdout, child.stderr]) s.on("data", (b: Buffer) => (this.log += b.toString()));
    const until = Date.now() + 20_000;
    while (Date.now() < until) {
      if (child.exitCode !== null) throw new Error(`the program ended:\n${this.log}`);
      const ready = await fetch(this.url + "/readyz").then(
        (r) => r.ok,
        () => false,
      );
      // The address and the sign-in link are printed once everything is up.
      if (ready && this.log.includes(this.url)) return;
      await new Promise((r) => setTimeout(r, 25));
    }
    throw new Error(`the program is not ready:\n${this.log}`);
  }

  /** The owner's one-time sign-in link that the program prints. */
  ownerLink(): string {
    const link = /https?:\/\/\S+\/sign-in\/link#token=\S+/.exec(this.log)?.[0];
    if (!link) throw new Error(`no sign-in link was printed:\n${this.log}`);
    return link;
  }

  /** Runs an admin command; the answer is what it prints on standard output. */
  command(...args: string[]): string {
    return execFileSync(binary, args, { env: this.env(), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((r) => child.once("exit", r));
    child.kill(signal);
    await gone;
    this.child = null;
  }

  async stop(): Promise<void> {
    await this.kill("SIGTERM");
    rmSync(this.dir, { recursive: true, force: true });
  }

  output(): string {
    return this.log;
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
    const r = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await r.text();
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
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
    const r = await fetch(`${hub.url}/channels/webchat/${key}/${path}`, {
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
