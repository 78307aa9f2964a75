// A TCP proxy that can be cut in the middle of traffic: what a lost network is
// to a browser.
import { type Server, type Socket, connect, createServer } from "node:net";

export class Proxy {
  private readonly sockets = new Set<Socket>();
  private cutOff = false;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async to(target: string): Promise<Proxy> {
    const { hostname, port } = new URL(target);
    let self: Proxy | null = null;
    const server = createServer((client) => {
      if (self?.cutOff) {
        client.destroy();
        return;
      }
      const upstream = connect(Number(port), hostname);
      for (const [a, b] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        self?.sockets.add(a);
        a.on("error", () => b.destroy());
        a.on("close", () => {
          self?.sockets.delete(a);
          b.destroy();
        });
        a.pipe(b);
      }
    });
    await new Promise<void>((ok) => server.listen(0, "127.0.0.1", ok));
    const a = server.address();
    if (!a || typeof a !== "object") throw new Error("no port");
    self = new Proxy(server, a.port);
    return self;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends every connection at once and refuses new ones. */
  cut(): void {
    this.cutOff = true;
    for (const s of this.sockets) s.destroy();
  }

  heal(): void {
    this.cutOff = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((ok) => this.server.close(ok));
  }
}
