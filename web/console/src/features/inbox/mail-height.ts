/** Before it is measured, and for the shortest ones. */
export const MAIL_MIN = 120;
/** Longer ones scroll in their frame. */
const MAIL_MAX = 2_400;
/** Room for what rounding and scroll bars take. */
const SLACK = 12;

/** While measuring only the mail's own pictures are loaded, which the hub keeps, and nothing can run. */
const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:">`;

export interface Pictures {
  /** How many stay away until somebody asks for them. */
  remote: number;
  /** How many of those have addresses without TLS, at which nothing is asked for. */
  plain: number;
}

/** The pictures of a mail that are elsewhere. */
export function picturesOf(mail: ParentNode): Pictures {
  const sources = [...mail.querySelectorAll("img[data-src]")].map((img) => img.getAttribute("data-src") ?? "");
  return { remote: sources.length, plain: sources.filter((s) => s.startsWith("http:")).length };
}

/**
 * How tall a designed mail is at a width, in pixels, and what it leaves out. The
 * frame that shows it tells nothing about itself, so its text is laid out once in
 * a hidden frame in which no script can run, and which is thrown away.
 */
export async function measureMail(url: string, width: number, signal: AbortSignal): Promise<{ height: number; pictures: Pictures }> {
  const response = await fetch(url, { signal, credentials: "same-origin" });
  if (!response.ok) throw new Error(`the mail answered ${response.status}`);
  const html = await response.text();
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-same-origin");
  frame.setAttribute("aria-hidden", "true");
  frame.tabIndex = -1;
  frame.style.cssText = `position:fixed;left:-10000px;top:0;width:${width}px;height:10px;border:0;visibility:hidden`;
  try {
    await new Promise<void>((resolve, reject) => {
      frame.onload = () => resolve();
      signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")), { once: true });
      frame.srcdoc = POLICY + html;
      document.body.append(frame);
    });
    const mail = frame.contentDocument;
    const tall = mail?.documentElement.scrollHeight ?? MAIL_MIN;
    return { height: Math.min(MAIL_MAX, Math.max(MAIL_MIN, tall + SLACK)), pictures: mail ? picturesOf(mail) : { remote: 0, plain: 0 } };
  } finally {
    frame.remove();
  }
}
