import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Attachment, Config, Conversation, Message, ServerFrame } from '../src/protocol';

interface Visitor {
  conversation: Conversation | null;
  messages: Message[];
  /** What the server stored per client_key. */
  stored: Map<string, Message>;
  sockets: Set<WebSocket>;
}

interface Call {
  method: string;
  path: string;
}

/** Speaks the visitors' protocol from memory, and misbehaves on demand. */
export class MockServer {
  origin = '';
  /** Requests so far, without preflights. */
  readonly calls: Call[] = [];
  readonly frames: Record<string, unknown>[] = [];
  readonly visitors = new Map<string, Visitor>();
  readonly config: Config = {
    title: { en: "Lin's Tea", 'zh-CN': '林记茶铺' },
    greeting: { en: 'Good day. Ask us anything about tea.', 'zh-CN': '您好，茶叶方面的问题都可以问我们。' },
    color: '#2f6f4f',
    position: 'right',
    default_locale: 'en',
  };
  /** Refuses sockets before the upgrade, as some proxies do. */
  blockSockets = false;
  /** Stores messages but never tells. */
  swallowAcks = false;
  /** Answers the next calls whose path ends so with a problem. */
  readonly problems = new Map<string, { status: number; code: string; params?: Record<string, unknown>; times: number }>();
  /** Serves further paths: pages and scripts. */
  readonly pages = new Map<string, { type: string; body: string | Buffer; headers?: Record<string, string> }>();
  private readonly http: Server;
  private readonly sockets = new WebSocketServer({ noServer: true });
  private nextId = 9_007_199_254_740_993n; // Beyond what a double can hold.
  private files = 0;

  constructor() {
    this.http = createServer((request, response) => void this.handle(request, response));
    this.http.on('upgrade', (request, socket: Socket, head) => {
      if (this.blockSockets) return void socket.destroy();
      this.sockets.handleUpgrade(request, socket, head, (ws) => this.connect(ws));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    this.origin = `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.sockets.clients.forEach((client) => client.terminate());
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  /** The only visitor, for tests that have one. */
  get visitor(): Visitor {
    const [first] = this.visitors.values();
    if (!first) throw new Error('nobody has come');
    return first;
  }

  /** A teammate answers. */
  answer(visitor: Visitor, body: string, more: Partial<Message> = {}): Message {
    const message = this.append(visitor, { direction: 'out', author_name: 'Lin', body, ...more });
    this.tell(visitor, { t: 'message', message });
    return message;
  }

  tell(visitor: Visitor, frame: ServerFrame): void {
    visitor.sockets.forEach((socket) => socket.send(JSON.stringify(frame)));
  }

  /** The teammates have read everything. */
  see(visitor: Visitor): void {
    if (!visitor.conversation) return;
    visitor.conversation = { ...visitor.conversation, agent_read_seq: visitor.conversation.last_seq };
    this.tell(visitor, { t: 'conversation', conversation: visitor.conversation });
  }

  closeSockets(code: number): void {
    this.sockets.clients.forEach((client) => (code === 1006 ? client.terminate() : client.close(code)));
  }

  append(visitor: Visitor, message: Partial<Message>): Message {
    visitor.conversation ??= { id: String(this.nextId++), status: 'open', last_seq: 0, agent_read_seq: 0, customer_read_seq: 0, assignee_name: null };
    const seq = visitor.conversation.last_seq + 1;
    visitor.conversation = { ...visitor.conversation, last_seq: seq };
    const full: Message = {
      conversation_id: visitor.conversation.id,
      seq,
      direction: 'in',
      author_name: null,
      body: '',
      attachments: [],
      client_key: null,
      created_at: new Date().toISOString(),
      ...message,
    };
    visitor.messages.push(full);
    return full;
  }

  newVisitor(token = `visitor-${this.visitors.size + 1}`): Visitor {
    const visitor: Visitor = { conversation: null, messages: [], stored: new Map(), sockets: new Set() };
    this.visitors.set(token, visitor);
    return visitor;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    const page = this.pages.get(url.pathname);
    if (page) {
      response.writeHead(200, { 'Content-Type': page.type, ...page.headers }).end(page.body);
      return;
    }
    response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
    response.setHeader('Access-Control-Allow-Headers', 'Content-Type, Authorization');
    response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    this.calls.push({ method: request.method ?? '', path: url.pathname });
    const reply = (status: number, answer: unknown): void => void response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    for (const [end, problem] of this.problems) {
      if (!url.pathname.endsWith(end) || problem.times-- <= 0) continue;
      return reply(problem.status, { status: problem.status, code: problem.code, params: problem.params ?? {} });
    }
    const name = url.pathname.split('/').pop();
    if (name === 'session') return reply(200, this.session(JSON.parse(body.toString()) as Record<string, unknown>));
    const visitor = this.visitors.get((request.headers.authorization ?? '').replace('Visitor ', ''));
    if (!visitor) return reply(401, { code: 'visitor_refused' });
    if (name === 'files') return reply(201, this.upload(body));
    if (request.method === 'POST') return reply(200, this.store(visitor, JSON.parse(body.toString()) as Record<string, unknown>));
    const before = Number(url.searchParams.get('before')?.split(':')[1] ?? Infinity);
    const limit = Number(url.searchParams.get('limit'));
    const earlier = visitor.messages.filter((message) => message.seq < before);
    reply(200, { items: earlier.slice(-limit), has_more: earlier.length > limit });
  }

  private session(request: Record<string, unknown>): unknown {
    const identity = request['identity'] as { user_id: string; hash: string } | undefined;
    const given = request['visitor'] as string | undefined;
    const known = given && this.visitors.has(given) ? given : undefined;
    const token = identity ? `user-${identity.user_id}` : (known ?? `visitor-${this.visitors.size + 1}`);
    const visitor = this.visitors.get(token) ?? this.newVisitor(token);
    const unread = visitor.messages.filter(({ direction, seq }) => direction === 'out' && seq > (visitor.conversation?.customer_read_seq ?? 0)).length;
    return {
      visitor: token,
      replaced: known !== undefined && known !== token,
      identified: token.startsWith('user-'),
      config: this.config,
      limits: { body: 10_000, file_bytes: 1 << 20, files: 10 },
      conversation: visitor.conversation,
      unread,
    };
  }

  private upload(body: Buffer): Attachment {
    const head = body.subarray(0, 1000).toString('latin1');
    const name = Buffer.from(/filename="([^"]*)"/.exec(head)?.[1] ?? 'file', 'latin1').toString();
    const type = /Content-Type: (\S+)/.exec(head)?.[1] ?? 'application/octet-stream';
    const start = body.indexOf('\r\n\r\n') + 4;
    const content = body.subarray(start, body.lastIndexOf('\r\n--'));
    const path = `/files/${++this.files}`;
    this.pages.set(path, { type, body: content });
    const image = type === 'image/png';
    return { id: path, name, content_type: type, size: content.length, width: image ? 120 : null, height: image ? 80 : null, url: path };
  }

  private store(visitor: Visitor, request: Record<string, unknown>): Message {
    const key = String(request['client_key']);
    const before = visitor.stored.get(key);
    if (before) return before;
    const ids = request['attachment_ids'] as string[];
    const attachments = ids.map((id): Attachment => {
      const { type, body } = this.pages.get(id)!;
      const image = type === 'image/png';
      return { id, name: image ? 'leaf.png' : 'order.txt', content_type: type, size: body.length, width: image ? 120 : null, height: image ? 80 : null, url: id };
    });
    const message = this.append(visitor, { body: String(request['body']), client_key: key, attachments });
    visitor.stored.set(key, message);
    this.tell(visitor, { t: 'message', message });
    return message;
  }

  private connect(socket: WebSocket): void {
    let visitor: Visitor | undefined;
    const send = (frame: ServerFrame): void => socket.send(JSON.stringify(frame));
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Record<string, unknown>;
      this.frames.push(frame);
      if (frame['t'] === 'hello') {
        visitor = this.visitors.get(String(frame['visitor']));
        if (!visitor) return socket.close(4005);
        visitor.sockets.add(socket);
        const after = (frame['after'] as string | null)?.split(':');
        const later = after ? visitor.messages.filter(({ seq }) => seq > Number(after[1])).slice(0, 200) : visitor.messages.slice(-30);
        const has_more = after ? false : visitor.messages.length > later.length;
        send({ t: 'hello', server_time: new Date().toISOString(), node: 'mock', conversation: visitor.conversation, messages: later, has_more, reset: false });
      } else if (frame['t'] === 'ping') send({ t: 'pong' });
      else if (frame['t'] === 'send' && visitor) {
        const problem = this.problems.get('send');
        if (problem && problem.times-- > 0) return send({ t: 'error', client_key: String(frame['client_key']), code: problem.code, params: problem.params ?? {} });
        const message = this.store(visitor, frame);
        if (!this.swallowAcks) send({ t: 'ack', client_key: String(frame['client_key']), message });
      } else if (frame['t'] === 'read' && visitor?.conversation) {
        visitor.conversation = { ...visitor.conversation, customer_read_seq: Number(frame['seq']) };
        this.tell(visitor, { t: 'conversation', conversation: visitor.conversation });
      }
    });
    socket.on('close', () => visitor?.sockets.delete(socket));
  }
}
