import { createContext, useContext } from "react";
import type { FlowProblem, Graph, NodeCount } from "@/api/journeys";
import type { Exit } from "./graph";
import type { Names } from "./words";

/** Where a new step goes: into a way, or before a node for everybody who comes to it. */
export type Spot = Exit | { before: string };

/** Names a spot in the document. */
export function spotData(spot: Spot): Record<string, string> {
  return "before" in spot ? { "data-before": spot.before } : { "data-after": spot.node, "data-port": spot.port };
}

/** What the parts of an open journey share. */
export interface Editor {
  graph: Graph;
  names: Names;
  editable: boolean;
  selected: string | null;
  counts: ReadonlyMap<string, NodeCount>;
  problems: ReadonlyMap<string, FlowProblem[]>;
  select: (id: string | null) => void;
  /** Asks what to put there, beside the button that was pressed. */
  add: (spot: Spot, button: HTMLElement) => void;
  remove: (id: string) => void;
  duplicate: (id: string) => void;
  /** Shows the people who stand at a node, or who left it so. */
  people: (node: string, outcome?: string) => void;
}

const EditorContext = createContext<Editor | null>(null);
export const EditorProvider = EditorContext.Provider;

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (!editor) throw new Error("useEditor is used outside a journey");
  return editor;
}
