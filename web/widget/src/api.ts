import { CodedError, UNREACHABLE } from './errors';
import type { Attachment, Message, SessionAnswer, SessionRequest } from './protocol';

const REQUEST_TIMEOUT = 20_000;

/** The visitors' REST calls. Every method rejects with a CodedError. */
export class Api {
  private readonly origin: string;
  private readonly root: string;
  /** Token of the current visitor; calls other than session carry it. */
  token: string | null = null;

  constructor(origin: string, account: string) {
    this.origin = origin;
    this.root = `${origin}/channels/webchat/${encodeURIComponent(account)}`;
  }

  session(request: SessionRequest): Promise<SessionAnswer> {
    return this.call('POST', '/session', JSON.stringify(request), false);
  }

  /** Messages before a position (`<conversation_id>:<seq>`), or the newest ones; ascending. */
  messages(before: string | null, limit: number): Promise<{ items: Message[]; has_more: boolean }> {
    const query = before ? `before=${encodeURIComponent(before)}&limit=${limit}` : `limit=${limit}`;
    return this.call('GET', `/messages?${query}`);
  }

  send(clientKey: string, body: string, attachmentIds: string[]): Promise<Message> {
    return this.call('POST', '/messages', JSON.stringify({ client_key: clientKey, body, attachment_ids: attachmentIds }));
  }

  upload(file: File): Promise<Attachment> {
    const form = new FormData();
    form.append('file', file, file.name);
    return this.call('POST', '/files', form);
  }

  socketURL(): string {
    return `${this.root.replace(/^http/, 'ws')}/socket`;
  }

  /** Address of a file; the server may give it relative to itself. */
  fileURL(url: string): string {
    return new URL(url, this.origin).href;
  }

  /** Whether the server answers at all, cross-origin rules aside. */
  async reachable(): Promise<boolean> {
    try {
      await fetch(`${this.origin}/widget.js`, { method: 'HEAD', mode: 'no-cors', cache: 'no-store' });
      return true;
    } catch {
      return false;
    }
  }

  private async call<T>(method: string, path: string, body?: string | FormData, signed = true): Promise<T> {
    const headers: Record<string, string> = {};
    if (typeof body === 'string') headers['Content-Type'] = 'application/json';
    if (signed && this.token) headers['Authorization'] = `Visitor ${this.token}`;
    const abort = new AbortController();
    // An upload may take as long as it needs; only small calls are cut.
    const timer = body instanceof FormData ? 0 : setTimeout(() => abort.abort(), REQUEST_TIMEOUT);
    try {
      const response = await fetch(this.root + path, {
        method,
        headers,
        credentials: 'omit',
        cache: 'no-store',
        signal: abort.signal,
        ...(body === undefined ? {} : { body }),
      });
      if (!response.ok) throw await problem(response);
      return (await response.json()) as T;
    } catch (error) {
      throw error instanceof CodedError ? error : new CodedError(UNREACHABLE);
    } finally {
      clearTimeout(timer);
    }
  }
}

async function problem(response: Response): Promise<CodedError> {
  const retryAfter = Number(response.headers.get('Retry-After')) || null;
  try {
    const document = (await response.json()) as { code?: unknown; params?: Record<string, unknown> };
    if (typeof document.code === 'string') return new CodedError(document.code, document.params ?? {}, retryAfter);
  } catch {
    // Not from Fanward but from something in between; the status has to do.
  }
  return new CodedError(codeOfStatus(response.status), {}, retryAfter);
}

function codeOfStatus(status: number): string {
  if (status === 413) return 'file_too_large';
  if (status === 415) return 'file_type_refused';
  if (status === 429) return 'rate_limited';
  return status >= 500 ? UNREACHABLE : 'internal_refused';
}
