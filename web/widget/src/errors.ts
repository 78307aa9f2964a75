/** A refusal with a code of the catalogue (`error.<code>`), from the server or from the widget's own checks. */
export class CodedError extends Error {
  constructor(
    readonly code: string,
    readonly params: Record<string, unknown> = {},
    /** Seconds to wait before trying again, when the server said so. */
    readonly wait = 0,
  ) {
    super(code);
  }
}

/** Code of a call or frame that got no answer: the network, a proxy or a restart. */
export const UNREACHABLE = 'unreachable';

/** Code of a call whose token is no longer good. */
export const VISITOR_REFUSED = 'visitor_refused';

/** Whether the same request may succeed later without the visitor changing it. */
export function isTemporary({ code }: CodedError): boolean {
  return /^(unreachable|visitor_refused|rate_limited|shutting_down|storage_\w+)$/.test(code);
}
