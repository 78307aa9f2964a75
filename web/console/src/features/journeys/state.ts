import type { JourneyState } from "@/api/journeys";

export const stateTone: Record<JourneyState, "ok" | "warn" | "danger" | "accent" | undefined> = { draft: undefined, live: "ok", paused: "warn", stopped: "danger" };
