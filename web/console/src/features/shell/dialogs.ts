import { createStore } from "@/realtime/store";

/** Which of the shell's own dialogs is open. */
export const dialog = createStore<"none" | "palette" | "help">("none");
