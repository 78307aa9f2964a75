import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { dialog } from "./dialogs";
import { hasMod, inTextField, layerOpen } from "./keyboard";

const places: Record<string, "/inbox" | "/tasks" | "/journeys" | "/deliveries" | "/customers" | "/segments" | "/stages" | "/events" | "/accounts" | "/teammates"> = {
  i: "/inbox",
  c: "/customers",
  s: "/segments",
  b: "/stages",
  e: "/events",
  d: "/deliveries",
  a: "/accounts",
  j: "/journeys",
  t: "/tasks",
  m: "/teammates",
};

/** How long `g` waits for its second letter. */
const SECOND_KEY_WITHIN = 1_200;

/** True while `g` was pressed and its second letter is awaited, so that nobody else takes it. */
let awaitingPlace = 0;
const isAwaitingPlace = (): boolean => Date.now() < awaitingPlace;

/** Keys that work on every page of the shell. */
export function useGlobalKeys(): void {
  const navigate = useNavigate();
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (hasMod(event) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        dialog.set((d) => (d === "palette" ? "none" : "palette"));
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || inTextField(event.target) || layerOpen()) return;
      if (event.key === "?") {
        event.preventDefault();
        dialog.set("help");
      } else if (isAwaitingPlace()) {
        awaitingPlace = 0;
        const to = places[event.key.toLowerCase()];
        if (!to) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        void navigate({ to });
      } else if (event.key === "g") {
        awaitingPlace = Date.now() + SECOND_KEY_WITHIN;
      }
    };
    // Captured, so that the second letter of "g i" never reaches the inbox's own keys.
    window.addEventListener("keydown", press, true);
    return () => window.removeEventListener("keydown", press, true);
  }, [navigate]);
}
