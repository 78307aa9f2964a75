import { useEffect, useRef } from "react";
import type { Command } from "@/features/shell/commands";
import { inTextField, layerOpen, shortcutLetter } from "@/features/shell/keyboard";

/** Letters of the conversation's commands; L replies like R. */
const letters: Record<string, string> = { r: "reply", l: "reply", p: "note", e: "resolve", a: "assign-me", m: "snooze", u: "unread" };

/** Runs the open conversation's commands by their letters. */
export function useConversationKeys(commands: Command[]): void {
  const held = useRef(commands);
  held.current = commands;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || layerOpen()) return;
      const letter = shortcutLetter(event);
      const command = letter && held.current.find((c) => c.id === letters[letter]);
      if (!command) return;
      event.preventDefault();
      command.run();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

interface Moves {
  next: () => void;
  previous: () => void;
  back: () => void;
  /** Where the focus goes from a field that is left. */
  leave: () => void;
}

/** J and K through the list; Esc one step back, first out of a field. */
export function useListKeys(moves: Moves): void {
  const held = useRef(moves);
  held.current = moves;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || layerOpen()) return;
      if (event.key === "Escape" && !event.isComposing) {
        if (inTextField(event.target)) held.current.leave();
        else held.current.back();
        return;
      }
      const letter = shortcutLetter(event);
      if (letter === "j") held.current.next();
      else if (letter === "k") held.current.previous();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
