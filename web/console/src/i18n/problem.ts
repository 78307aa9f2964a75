import { i18n } from "./index";
import { ApiError } from "@/api/http";

type Named = { code: string; params?: Record<string, unknown> | undefined };

/** Codes come from the server, so their keys cannot be typed. */
const untyped = i18n as unknown as {
  exists(key: string, options: { ns: string }): boolean;
  t(key: string, options: Record<string, unknown>): unknown;
};

/**
 * The catalogue's sentence for a code of the API, or undefined. A code without
 * values is one that was kept for later, as the reason of a delivery is: it has
 * sentences of its own under `stored`, and one that needs values is not said.
 */
export function sentenceFor({ code, params }: Named): string | undefined {
  const places = [["errors", code], ["errors", `errors.${code}`], ["console", `problem.${code}`]];
  if (!params) places.unshift(["console", `stored.${code}`]);
  for (const [ns = "", key = ""] of places) {
    if (!untyped.exists(key, { ns })) continue;
    const sentence = untyped.t(key, params ? { ns, ...params } : { ns, skipInterpolation: true });
    if (typeof sentence === "string" && (params || !sentence.includes("{{"))) return sentence;
  }
  return undefined;
}

/** What to tell the reader about any error that was thrown. */
export function describe(error: unknown): string {
  if (error instanceof ApiError) {
    const sentence = sentenceFor(error) ?? error.detail ?? i18n.t("problem.unexpected");
    return error.retryAfter ? `${sentence} ${i18n.t("problem.retryIn", { count: error.retryAfter })}` : sentence;
  }
  return i18n.t("problem.unexpected");
}

/** The code to quote for any error that was thrown. */
export function codeOf(error: unknown): string {
  return error instanceof ApiError ? error.code : "console_error";
}

/** Sentences of a refused form, by the name of the field at fault. */
export function fieldProblems(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  const out: Record<string, string> = {};
  for (const field of error.fields) out[field.field] ??= sentenceFor(field) ?? describe(error);
  return out;
}
