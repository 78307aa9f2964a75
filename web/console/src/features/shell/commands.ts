import { useEffect } from "react";
import { createStore, useStore } from "@/realtime/store";

/** Something the palette can do for what is on screen. */
export interface Command {
  id: string;
  label: string;
  shortcut?: string;
  run: () => void;
}

const offered = createStore<Command[]>([]);
const none: Command[] = [];

/** Offers commands in the palette for as long as the caller is on screen. */
export function useOfferCommands(commands: Command[] | null): void {
  useEffect(() => {
    offered.set(commands ?? none);
    return () => offered.set(none);
  }, [commands]);
}

export const useOfferedCommands = (): Command[] => useStore(offered);
