/** What was, is, and was undone. */
export interface History<T> {
  past: T[];
  present: T;
  future: T[];
  /** What the last change was about; changes of the same thing soon after it are one. */
  mark: string;
  at: number;
}

/** Changes of one thing within this many milliseconds of each other are undone together. */
const TOGETHER = 1_500;
const KEPT = 100;

export function startHistory<T>(present: T): History<T> {
  return { past: [], present, future: [], mark: "", at: 0 };
}

/** Takes a change; `mark` names what was typed into, "" stands for itself. */
export function change<T>(h: History<T>, next: T, mark: string, now: number): History<T> {
  if (next === h.present) return h;
  const joined = mark !== "" && mark === h.mark && now - h.at < TOGETHER;
  return { past: joined ? h.past : [...h.past, h.present].slice(-KEPT), present: next, future: [], mark, at: now };
}

export function undo<T>(h: History<T>): History<T> {
  const before = h.past[h.past.length - 1];
  return before === undefined ? h : { past: h.past.slice(0, -1), present: before, future: [h.present, ...h.future], mark: "", at: 0 };
}

export function redo<T>(h: History<T>): History<T> {
  const after = h.future[0];
  return after === undefined ? h : { past: [...h.past, h.present], present: after, future: h.future.slice(1), mark: "", at: 0 };
}
