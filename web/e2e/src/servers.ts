// PostgreSQL and Redis for the stories on two nodes.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Node, binary, freePort, until } from "./node";

// Stops the server with a signal and removes its folder once standard input ends,
// which the kernel sees to however this process ends.
const guard = `dir=$1; signal=$2; shift 2; "$@" >"$dir/log" 2>&1 & pid=$!; cat >/dev/null; kill -$signal $pid; wait $pid; rm -rf "$dir"`;

/** A server that ends with this process, or with stop. */
class Guarded {
  private readonly child: ChildProcess;

  constructor(
    private readonly dir: string,
    signal: "QUIT" | "KILL",
    argv: string[],
    as: { uid?: number; gid?: number } = {},
  ) {
    this.child = spawn("/bin/sh", ["-c", guard, "guard", dir, signal, ...argv], { ...as, cwd: "/", detached: true, stdio: ["pipe", "ignore", "ignore"] });
  }

  log(): string {
    const log = join(this.dir, "log");
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  }

  async stop(): Promise<void> {
    const gone = new Promise((ok) => this.child.once("exit", ok));
    this.child.stdin?.end();
    await gone;
  }
}

/** Whoever runs PostgreSQL, which refuses root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Where PostgreSQL's programs are: those of the newest version. */
function programs(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).filter((v) => existsSync(join(root, v, "bin/initdb"))) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  if (newest) return join(root, newest, "bin");
  const found = (process.env["PATH"] ?? "").split(":").find((dir) => existsSync(join(dir, "initdb")));
  if (!found) throw new Error("PostgreSQL's initdb is neither in PATH nor in /usr/lib/postgresql/*/bin: install postgresql");
  return found;
}

const template = "fanward_template";

/** One PostgreSQL, with a database for each hub. */
export class Postgres {
  private constructor(
    readonly port: number,
    private readonly server: Guarded | null,
  ) {}

  /** Starts a server whose template is migrated by the built binary. */
  static async start(): Promise<Postgres> {
    const bin = programs();
    const as = unprivileged();
    const dir = mkdtempSync(join(tmpdir(), "fanward-e2e-postgres-"));
    if (as.uid !== undefined) chownSync(dir, as.uid, as.gid!);
    const data = join(dir, "data");
    execFileSync(join(bin, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], { ...as, cwd: "/", stdio: "pipe" });
    const port = await freePort();
    const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "shared_buffers=64MB", "autovacuum_naptime=10min"];
    const server = new Guarded(dir, "QUIT", [join(bin, "postgres"), "-D", data, "-p", String(port), ...settings.flatMap((s) => ["-c", s])], as);
    const self = new Postgres(port, server);
    await until("PostgreSQL answers", () => self.answers()).catch((e: Error) => {
      throw new Error(`${e.message}\n${server.log()}`);
    });
    self.sql("postgres", `CREATE DATABASE ${template}`);
    const migrator = new Node(0, { FANWARD_DATABASE_URL: self.url(template), FANWARD_SECRET_KEY: secretKey });
    migrator.command("migrate");
    await migrator.stop();
    return self;
  }

  /** The one that another process has started. */
  static at(port: number): Postgres {
    return new Postgres(port, null);
  }

  url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}?sslmode=disable`;
  }

  sql(database: string, statement: string): string {
    return execFileSync(join(programs(), "psql"), ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement, this.url(database)], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  create(database: string): void {
    this.sql("postgres", `CREATE DATABASE ${database} TEMPLATE ${template}`);
  }

  drop(database: string): void {
    this.sql("postgres", `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  }

  private answers(): boolean {
    try {
      return this.sql("postgres", "SELECT 1") === "1";
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    await this.server?.stop();
  }
}

/** A Redis of one hub's own. */
export class Redis {
  private constructor(
    readonly url: string,
    private server: Guarded | null,
  ) {}

  static async start(): Promise<Redis> {
    const dir = mkdtempSync(join(tmpdir(), "fanward-e2e-redis-"));
    const port = await freePort();
    const server = new Guarded(dir, "KILL", ["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir]);
    await until("Redis listens", () => listens(port)).catch((e: Error) => {
      throw new Error(`${e.message}\n${server.log()}`);
    });
    return new Redis(`redis://127.0.0.1:${port}/0`, server);
  }

  /** Ends it; what it held is gone. */
  async stop(): Promise<void> {
    await this.server?.stop();
    this.server = null;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((ok) => {
    const s = createConnection(port, "127.0.0.1");
    s.once("connect", () => {
      s.destroy();
      ok(true);
    });
    s.once("error", () => ok(false));
  });
}

/** The same on every node. */
export const secretKey = Buffer.alloc(32, "fanward").toString("base64");

/** The name under which workers learn where PostgreSQL is. */
const portVariable = "FANWARD_E2E_POSTGRES_PORT";

/** The PostgreSQL that this run has started for all its tests. */
export function sharedPostgres(): Postgres {
  const port = process.env[portVariable];
  if (!port) throw new Error("this run has no PostgreSQL: it is started for stories on two nodes only");
  return Postgres.at(Number(port));
}

/** Runs before all tests: starts what stories on two nodes share. */
export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  if (process.env["FANWARD_E2E_NODES"] === "1") return undefined;
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run make build`);
  const postgres = await Postgres.start();
  process.env[portVariable] = String(postgres.port);
  return () => postgres.stop();
}
