import { createContext, useContext } from "react";
import type { RuleNode } from "@/api/rule";
import type { Group, Path } from "./tree";

/** What every part of a rule's editor shares. */
export interface Editing {
  root: Group;
  /** Answers the next tree from the one that is there. */
  update: (act: (root: RuleNode) => RuleNode) => void;
  /** Sentences of what is wrong with a condition, by its field; "" is the condition itself. */
  problemsAt: (path: Path) => Record<string, string>;
  countAt: (path: Path) => number | undefined;
  remove: (path: Path) => void;
  add: (group: Path, node: RuleNode) => void;
  readOnly: boolean;
  /** No more conditions are taken. */
  full: boolean;
  /** The segment whose own rule this is: it cannot name itself. */
  own: string | undefined;
  /** The key of what was added last; it takes the cursor. */
  added: string | undefined;
}

export const EditingContext = createContext<Editing | null>(null);

export function useEditing(): Editing {
  const editing = useContext(EditingContext);
  if (!editing) throw new Error("part of a rule's editor outside it");
  return editing;
}
