import type { FlowNode, FlowProblem } from "@/api/journeys";
import { problemText } from "../words";

/** What every form of a node gets. */
export interface FormProps {
  node: FlowNode;
  /** `mark` names the field that is typed into, so that a run of letters is undone together. */
  set: (patch: Partial<FlowNode>, mark?: string) => void;
  /** Sentences by field. */
  problems: Record<string, string>;
  readOnly: boolean;
}

/** The sentences about a node by field; the first one of a field counts. */
export function byField(problems: readonly FlowProblem[] | undefined): Record<string, string> {
  const out: Record<string, string> = {};
  for (const problem of problems ?? []) out[problem.field] ??= problemText(problem);
  return out;
}

/** The sentence about a field or anything below it. */
export function below(problems: Record<string, string>, field: string): string | undefined {
  return problems[field] ?? Object.entries(problems).find(([name]) => name.startsWith(`${field}.`) || name.startsWith(`${field}[`))?.[1];
}

/** The sentences below a field, named as seen from there. */
export function within(problems: Record<string, string>, field: string): Record<string, string> {
  return Object.fromEntries(Object.entries(problems).flatMap(([name, words]) => (name.startsWith(`${field}.`) ? [[name.slice(field.length + 1), words]] : [])));
}
