/** What a message says besides its text, as far as this version knows it. */
export type Payload =
  | { type: "location"; latitude: number; longitude: number; label: string }
  | { type: "link"; title: string; description: string; url: string | null }
  | { type: "voice" | "video"; words: string; state: FileState }
  | { type: "image"; state: FileState }
  | { type: "mail"; from: string[]; to: string[]; cc: string[]; replyTo: string; subject: string; automatic: boolean }
  | { type: "outreach"; journey: string; name: string; node: string }
  | { type: "erased" }
  | { type: "other"; name: string };

/** Whether a file that the channel announced is there. */
export type FileState = "ready" | "pending" | "failed";

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value.trim() : "");

function finite(value: unknown): number | null {
  const n = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof n === "number" && Number.isFinite(n) ? n : null;
}

/** Only what a browser may open from somebody else's message. */
function webAddress(value: unknown): string | null {
  try {
    const url = new URL(text(value));
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

function addresses(value: unknown): string[] {
  const list = Array.isArray(value) ? value : value === undefined || value === null || value === "" ? [] : [value];
  return list
    .map((entry) => {
      if (!isFields(entry)) return text(entry);
      const [name, address] = [text(entry.name), text(entry.address)];
      return name && address ? `${name} <${address}>` : address || name;
    })
    .filter(Boolean);
}

const stateOf = (value: unknown): FileState => (value === "pending" || value === "failed" ? value : "ready");

/** Reads a message's payload; null when there is none. */
export function readPayload(payload: unknown): Payload | null {
  if (payload === null || payload === undefined) return null;
  if (!isFields(payload)) return { type: "other", name: "" };
  const p = payload;
  switch (p.type) {
    case "location": {
      const latitude = finite(p.latitude ?? p.lat);
      const longitude = finite(p.longitude ?? p.lng);
      if (latitude === null || longitude === null || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) break;
      return { type: "location", latitude, longitude, label: text(p.label ?? p.name) };
    }
    case "link":
      return { type: "link", title: text(p.title), description: text(p.description), url: webAddress(p.url) };
    case "voice":
    case "video":
      return { type: p.type, words: text(p.recognition), state: stateOf(p.state) };
    case "shortvideo":
      return { type: "video", words: "", state: stateOf(p.state) };
    case "image":
      return { type: "image", state: stateOf(p.state) };
    case "outreach": {
      const source = isFields(p.source) ? p.source : {};
      return { type: "outreach", journey: text(source.journey_id), name: text(source.journey_name), node: text(source.node_id) };
    }
    case "erased":
      return { type: "erased" };
    case "automatic":
      return { type: "mail", from: [], to: [], cc: [], replyTo: "", subject: "", automatic: true };
    case "mail":
      return { type: "mail", from: addresses(p.from), to: addresses(p.to), cc: addresses(p.cc), replyTo: text(p.reply_to), subject: text(p.subject), automatic: p.automatic === true || text(p.automatic) !== "" };
  }
  return { type: "other", name: text(p.type) };
}

/** Roughly where maps are drawn with China's own coordinates, which WeChat uses everywhere. */
const inChina = (latitude: number, longitude: number): boolean => latitude > 18 && latitude < 54 && longitude > 73 && longitude < 135;

/** A map of the place, on a service whose coordinates fit. */
export function mapAddress({ latitude, longitude, label }: { latitude: number; longitude: number; label: string }): string {
  if (inChina(latitude, longitude)) return `https://uri.amap.com/marker?position=${longitude},${latitude}&name=${encodeURIComponent(label)}`;
  return `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
}
