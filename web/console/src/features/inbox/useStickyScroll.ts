import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** How near to the end still counts as being there, in pixels. */
const NEAR = 48;

/** How far down the end of a message is; undefined when it is not there. */
function endOf(scroller: HTMLElement, seq: number | undefined): number | undefined {
  const message = seq === undefined ? null : scroller.querySelector(`[data-seq="${seq}"]`);
  return message ? message.getBoundingClientRect().bottom - scroller.getBoundingClientRect().top + scroller.scrollTop : undefined;
}

/**
 * Keeps a growing log where the reader is: at the end when they are at the
 * end, otherwise on the same message, also when earlier ones are put in front.
 * `first` is the first message's number and `resetKey` what the log belongs to.
 */
export function useStickyScroll(first: number | undefined, resetKey: string, ready: boolean) {
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const [atBottom, setAtBottom] = useState(true);
  const stuck = useRef(true);
  // The message that was the first, and where it ended: what changed below it
  // meanwhile moves nobody who reads above.
  const before = useRef<{ first: number | undefined; end: number | undefined }>({ first: undefined, end: undefined });

  useLayoutEffect(() => {
    stuck.current = true;
    setAtBottom(true);
    before.current = { first: undefined, end: undefined };
  }, [resetKey]);

  useLayoutEffect(() => {
    if (!scroller || !ready) return;
    const { first: was, end } = before.current;
    if (stuck.current) scroller.scrollTop = scroller.scrollHeight;
    else if (was !== first && end !== undefined) scroller.scrollTop += (endOf(scroller, was) ?? end) - end;
    before.current = { first, end: endOf(scroller, first) };
  });

  useEffect(() => {
    const inner = scroller?.firstElementChild;
    if (!scroller || !inner || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => {
      if (stuck.current) scroller.scrollTop = scroller.scrollHeight;
      before.current.end = endOf(scroller, before.current.first);
    });
    observer.observe(inner);
    observer.observe(scroller);
    return () => observer.disconnect();
  }, [scroller]);

  const onScroll = useCallback(() => {
    if (!scroller) return;
    const near = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    stuck.current = near;
    setAtBottom(near);
  }, [scroller]);

  const toBottom = useCallback(() => {
    stuck.current = true;
    setAtBottom(true);
    if (scroller) scroller.scrollTop = scroller.scrollHeight;
  }, [scroller]);

  return { setScroller, scroller, atBottom, onScroll, toBottom };
}
