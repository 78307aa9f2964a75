import { Fragment, type ReactNode } from "react";
import type { RuleNode } from "@/api/rule";
import type { Leaf } from "./tree";
import { slotted } from "./words";

export interface ControlsProps {
  leaf: Leaf;
  not: boolean;
  /** It was added just now: its first field takes the cursor. */
  fresh: boolean;
  problems: Record<string, string>;
  onChange: (patch: Partial<RuleNode>) => void;
  onNot: (not: boolean) => void;
}

/** A sentence of the catalogue with controls in its slots. */
export function Sentence({ template, slots }: { template: string; slots: Record<string, ReactNode> }) {
  return slotted(template).map((part, i) => <Fragment key={i}>{typeof part === "string" ? part.trim() && <span>{part.trim()}</span> : slots[part.slot]}</Fragment>);
}
