// One address before several nodes, as a customer's balancer is: it asks each
// node whether it is ready and sends requests and sockets to one that is.
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from "node:http";
import { type Socket, connect } from "node:net";
import type { Duplex } from "node:stream";

/** How often nodes are asked, in milliseconds. */
const every = 200;

export class Balancer {
  private readonly server: Server;
  private readonly sockets = new Set<Duplex>();
  private readonly ready = new Map<string, boolean>();
  private readonly asking: NodeJS.Timeout;
  private port = 0;

  /**
   * targets are the nodes' addresses; prefer says which one takes a path as long
   * as it is ready.
   */
  private constructor(
    private readonly targets: string[],
    private readonly prefer: (path: string) => string,
  ) {
    this.server = createServer((req, res) => this.pass(req, res, this.order(req.url ?? "/")));
    this.server.on("upgrade", (req, socket, head) => this.join(req, socket, head));
    this.server.on("connection", (s) => this.keep(s));
    this.asking = setInterval(() => void this.ask(), every);
  }

  static async before(port: number, targets: string[], prefer: (path: string) => string): Promise<Balancer> {
    const b = new Balancer(targets, prefer);
    await new Promise<void>((ok) => b.server.listen(port, "127.0.0.1", ok));
    b.port = port;
    return b;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Asks every node at once. */
  async ask(): Promise<void> {
    await Promise.all(
      this.targets.map(async (t) => {
        const ok = await fetch(`${t}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
          (r) => r.ok,
          () => false,
        );
        this.ready.set(t, ok);
      }),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.asking);
    for (const s of this.sockets) s.destroy();
    await new Promise((ok) => this.server.close(ok));
  }

  private keep(s: Duplex): void {
    this.sockets.add(s);
    s.on("close", () => this.sockets.delete(s));
    s.on("error", () => s.destroy());
  }

  /** The nodes to try, best first. */
  private order(path: string): string[] {
    const first = this.prefer(path);
    return [first, ...this.targets.filter((t) => t !== first)].filter((t) => this.ready.get(t));
  }

  /** Passes a request on; a node that cannot be reached has not heard it, so the next one does. */
  private pass(req: IncomingMessage, res: ServerResponse, order: string[]): void {
    const [target, ...rest] = order;
    if (!target) {
      res.writeHead(503, { "Retry-After": "1" }).end();
      return;
    }
    const { hostname, port } = new URL(target);
    const line = connect(Number(port), hostname);
    line.once("error", () => {
      this.ready.set(target, false);
      this.pass(req, res, rest);
    });
    line.once("connect", () => {
      line.removeAllListeners("error");
      line.on("error", () => line.destroy());
      const on = request({ createConnection: () => line, method: req.method, path: req.url, headers: { ...req.headers, connection: "close" } }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.rawHeaders.length > 0 ? pairs(answer.rawHeaders) : {});
        answer.pipe(res);
        answer.on("error", () => res.destroy());
        answer.on("aborted", () => res.destroy());
      });
      on.on("error", () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
      res.on("close", () => on.destroy());
      req.pipe(on);
    });
  }

  /** Joins a socket with a node. */
  private join(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.keep(socket);
    const [target, ...rest] = this.order(req.url ?? "/");
    if (!target) {
      socket.end("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\r\n");
      return;
    }
    const { hostname, port } = new URL(target);
    const line: Socket = connect(Number(port), hostname);
    this.keep(line);
    line.once("connect", () => {
      const lines = [`${req.method} ${req.url} HTTP/1.1`];
      for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
      line.write(`${lines.join("\r\n")}\r\n\r\n`);
      line.write(head);
      line.pipe(socket);
      socket.pipe(line);
    });
    line.on("error", () => {
      if (line.connecting || line.bytesWritten === 0) {
        this.ready.set(target, false);
        if (rest.length > 0) return this.join(req, socket, head);
      }
      socket.destroy();
    });
    line.on("close", () => {
      if (line.bytesWritten > 0) socket.destroy();
    });
    socket.on("close", () => line.destroy());
  }
}

/** Headers with those that come several times. */
function pairs(raw: string[]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i]!, raw[i + 1]!];
    const have = out[name];
    if (/^(connection|keep-alive|transfer-encoding)$/i.test(name)) continue;
    out[name] = have === undefined ? value : [...(Array.isArray(have) ? have : [have]), value];
  }
  return out;
}
