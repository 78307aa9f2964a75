// One process of the built binary.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const binary = process.env["FANWARD_BIN"] ?? resolve(import.meta.dirname, "../../../bin/fanward");
const shippedConfig = resolve(import.meta.dirname, "../../../config.yaml");

let ports = 0;

/**
 * A loopback port that was free a moment ago. It lies below those from which the
 * system takes the near ends of lines: one of these might be there first.
 * Processes that run beside each other look at different ones.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 20_000 + ((process.pid * 64 + ++ports) % 12_000);
    const free = await new Promise<boolean>((ok) => {
      const s = createServer();
      s.once("error", () => ok(false));
      s.listen(port, "127.0.0.1", () => s.close(() => ok(true)));
    });
    if (free) return port;
  }
  throw new Error("no port is free");
}

/** Waits until something holds; what names it when it does not within limit milliseconds. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, limit = 20_000): Promise<void> {
  for (const end = Date.now() + limit; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((r) => setTimeout(r, 25));
  }
  throw new Error(`not within ${limit} ms: ${what}`);
}

/** Where a sandbox's pages are. */
export interface Pages {
  shop: number;
  phone: number;
  mail: number;
}

/** One Fanward with the shipped configuration, on a free port and a data folder of its own. */
export class Node {
  readonly dir = mkdtempSync(join(tmpdir(), "fanward-e2e-"));
  readonly url: string;
  /** What it has called itself: another name at every start. */
  readonly names: string[] = [];
  private child: ChildProcess | null = null;
  private log = "";

  constructor(
    port: number,
    private readonly settings: Record<string, string>,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.settings = { FANWARD_DATA_DIR: this.dir, FANWARD_HTTP_ADDR: `127.0.0.1:${port}`, ...settings };
  }

  private env(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"], ...this.settings, ...extra };
  }

  async up(env: Record<string, string> = {}): Promise<void> {
    this.log = "";
    const child = spawn(binary, ["serve", "--config", shippedConfig], { env: this.env(env), stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    for (const s of [child.stdout, child.stderr]) s.on("data", (b: Buffer) => (this.log += b.toString()));
    const welcome = this.settings["FANWARD_PUBLIC_URL"] ?? this.url;
    await until("the program is ready", async () => {
      if (child.exitCode !== null) throw new Error(`the program ended:\n${this.log}`);
      // The address and the sign-in link are printed once everything is up.
      return (await this.ready()) && this.log.includes(welcome);
    }).catch((e: Error) => {
      throw new Error(`${e.message}\n${this.log}`);
    });
    const name = (await fetch(this.url + "/readyz")).headers.get("X-Fanward-Node");
    if (name) this.names.push(name);
  }

  /** Whether it takes requests, as a balancer asks. */
  async ready(): Promise<boolean> {
    return fetch(this.url + "/readyz", { signal: AbortSignal.timeout(2_000) }).then(
      (r) => r.ok,
      () => false,
    );
  }

  get running(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Runs an admin command; the answer is what it prints on standard output. */
  command(...args: string[]): string {
    return execFileSync(binary, args, { env: this.env(), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((r) => child.once("exit", r));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill("SIGTERM");
    rmSync(this.dir, { recursive: true, force: true });
  }

  output(): string {
    return this.log;
  }
}
