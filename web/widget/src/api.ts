import { CodedError, UNREACHABLE } from './errors';
import type { Attachment, BindAnswer, Message, SessionAnswer, SessionRequest } from './protocol';

const REQUEST_TIMEOUT = 20_000;

export type Api = ReturnType<typeof createApi>;

/** The visitors' REST calls; `token` gives the visitor's token. Every call rejects with a CodedError. */
export function createApi(origin: string, account: string, token: () => string | undefined) {
  const root = `${origin}/channels/webchat/${encodeURIComponent(account)}`;

  async function call<T>(path: string, body?: object): Promise<T> {
    const upload = body instanceof FormData;
    const abort = new AbortController();
    // An upload may take as long as it needs; only small calls are cut.
    const timer = upload ? 0 : setTimeout(() => abort.abort(), REQUEST_TIMEOUT);
    try {
      const response = await fetch(root + path, {
        method: body ? 'POST' : 'GET',
        headers: {
          ...(path === '/session' ? {} : { Authorization: `Visitor ${token() ?? ''}` }),
          ...(body && !upload ? { 'Content-Type': 'application/json' } : {}),
        },
        body: body ? (upload ? body : JSON.stringify(body)) : null,
        credentials: 'omit',
        cache: 'no-store',
        signal: abort.signal,
      });
      if (!response.ok) throw await problem(response);
      return (await response.json()) as T;
    } catch (error) {
      throw error instanceof CodedError ? error : new CodedError(UNREACHABLE);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    session: (request: SessionRequest) => call<SessionAnswer>('/session', request),

    /** Messages before a position, or the newest ones; ascending. */
    messages: (before?: string) => call<{ items: Message[]; has_more: boolean }>(`/messages?limit=30${before ? `&before=${before}` : ''}`),

    send: (client_key: string, body: string, attachment_ids: string[]) => call<Message>('/messages', { client_key, body, attachment_ids }),

    bind: () => call<BindAnswer>('/bind', {}),

    upload(file: File): Promise<Attachment> {
      const form = new FormData();
      form.append('file', file, file.name);
      return call('/files', form);
    },

    socketURL: `${root.replace(/^http/, 'ws')}/socket`,

    /** Address of a file; the server may give it relative to itself. */
    fileURL: (url: string) => new URL(url, origin).href,

    /** Rejects when the server does not answer at all, cross-origin rules aside. */
    probe: () => fetch(`${origin}/widget.js`, { method: 'HEAD', mode: 'no-cors', cache: 'no-store' }),
  };
}

async function problem(response: Response): Promise<CodedError> {
  const { status, headers } = response;
  // An answer without a code is not from Fanward but from something in between; the status has to do.
  const coded = (await response.json().catch(() => ({}))) as { code?: string; params?: Record<string, unknown> };
  const code = status === 413 ? 'file_too_large' : status === 415 ? 'unsupported_type' : status === 429 ? 'rate_limited' : status >= 500 ? UNREACHABLE : 'refused';
  return new CodedError(coded.code ?? code, coded.params, Number(headers.get('Retry-After')));
}
