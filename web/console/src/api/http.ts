import type { Problem } from "./types";

/**
 * A refused or failed request. `code` is the contract's code, or one of
 * `network_unreachable` (no answer came) and `answer_unreadable` (an answer
 * that is not the API's, for example a proxy's error page).
 */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly params: Record<string, unknown>;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly fields: NonNullable<Problem["errors"]>;
  /** Seconds after which asking again makes sense, when the server said so. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.code);
    this.name = "ApiError";
    this.code = problem.code;
    this.status = problem.status;
    this.params = problem.params ?? {};
    this.detail = problem.detail;
    this.requestId = problem.request_id;
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** True when the request may never have arrived, so the same may be tried again. */
  get transient(): boolean {
    return this.status === 0 || this.status === 503 || this.status === 502 || this.status === 504;
  }
}

export const API = "/api/v1";
const CSRF_HEADER = "X-Fanward-CSRF";

type Query = Record<string, string | number | boolean | null | undefined>;

interface Options {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** Goes on also when the page is closed meanwhile. */
  keepalive?: boolean;
}

let acceptLanguage = "en";
let onSignedOut: () => void = () => {};

/** Sets the language in which the server words its problems. */
export function setRequestLanguage(locale: string): void {
  acceptLanguage = locale;
}

/** Sets what happens when any request is told that nobody is signed in. */
export function setSignedOutHandler(handler: () => void): void {
  onSignedOut = handler;
}

function address(path: string, query: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return API + path + (text ? `?${text}` : "");
}

/** Turns an answer's status, headers and body into the error to throw. */
export function problemFrom(status: number, text: string, retryAfter: string | null): ApiError {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  try {
    const parsed = JSON.parse(text) as Partial<Problem>;
    if (typeof parsed.code === "string") {
      return new ApiError({ ...parsed, code: parsed.code, status }, seconds);
    }
  } catch {
    // Not the API's own answer; named below.
  }
  return new ApiError({ status, code: "answer_unreadable", params: { status } }, seconds);
}

/** Headers every request of the console carries; the CSRF one only on writes. */
export function requestHeaders(method: string): Record<string, string> {
  const headers: Record<string, string> = { Accept: "application/json", "Accept-Language": acceptLanguage };
  if (method !== "GET" && method !== "HEAD") headers[CSRF_HEADER] = "1";
  return headers;
}

/** Announces a 401 that means the session is gone (not a mistyped password). */
export function noteFailure(error: ApiError): ApiError {
  if (error.status === 401 && error.code === "not_signed_in") onSignedOut();
  return error;
}

/** Sends one request; answers the decoded body, or undefined for an empty one. */
export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers = requestHeaders(method);
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.signal) init.signal = options.signal;
  if (options.keepalive) init.keepalive = true;
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(address(path, options.query), init);
    text = await response.text();
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError({ status: 0, code: "network_unreachable" });
  }
  if (!response.ok) {
    throw noteFailure(problemFrom(response.status, text, response.headers.get("Retry-After")));
  }
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError({ status: response.status, code: "answer_unreadable", params: { status: response.status } });
  }
}
