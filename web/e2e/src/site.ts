// A company's own website that carries the widget, served by the test.
import { type Server, createServer } from "node:http";

export class Site {
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  /** html may name the place of the widget's script; it is a page like any shop's. */
  static async serve(body: () => string): Promise<Site> {
    const server = createServer((_, res) => {
      res.setHeader("Content-Type", "text/html; charset=utf-8");
      res.end(`<!doctype html><html lang="en"><title>A shop</title><body><h1>A shop</h1><p>Something to buy.</p>${body()}</body></html>`);
    });
    await new Promise<void>((ok) => server.listen(0, "127.0.0.1", ok));
    const a = server.address();
    if (!a || typeof a !== "object") throw new Error("no port");
    return new Site(server, `http://127.0.0.1:${a.port}`);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((ok) => this.server.close(ok));
  }
}

export const widgetTag = (hub: string, key: string): string => `<script async src="${hub}/widget.js" data-account="${key}"></script>`;
