/** A refusal with a code of the catalogue (`error.<code>`), from the server or from the widget's own checks. */
export class CodedError extends Error {
  readonly code: string;
  readonly params: Record<string, unknown>;
  /** Seconds to wait before trying again, when the server said so. */
  readonly retryAfter: number | null;

  constructor(code: string, params: Record<string, unknown> = {}, retryAfter: number | null = null) {
    super(code);
    this.code = code;
    this.params = params;
    this.retryAfter = retryAfter;
  }
}

/** Code of a call or frame that got no answer: the network, a proxy or a restart. */
export const UNREACHABLE = 'unreachable';

const temporary = new Set([UNREACHABLE, 'rate_limited', 'storage_full', 'storage_unavailable', 'shutting_down', 'internal']);

/** Whether the same request may succeed later without anyone changing it. */
export function isTemporary(error: unknown): boolean {
  return error instanceof CodedError && temporary.has(error.code);
}

export function asCoded(error: unknown): CodedError {
  return error instanceof CodedError ? error : new CodedError('internal');
}
