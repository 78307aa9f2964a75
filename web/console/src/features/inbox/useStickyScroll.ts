import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** How near to the end still counts as being there, in pixels. */
const NEAR = 48;

/**
 * Keeps a growing log where the reader is: at the end when they are at the
 * end, otherwise on the same message, also when earlier ones are put in front.
 * `firstKey` names the first item and `resetKey` what the log belongs to.
 */
export function useStickyScroll(firstKey: string | number | undefined, resetKey: string, ready: boolean) {
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const [atBottom, setAtBottom] = useState(true);
  const stuck = useRef(true);
  const before = useRef<{ key: string | number | undefined; height: number }>({ key: undefined, height: 0 });

  useLayoutEffect(() => {
    stuck.current = true;
    setAtBottom(true);
    before.current = { key: undefined, height: 0 };
  }, [resetKey]);

  useLayoutEffect(() => {
    if (!scroller || !ready) return;
    const last = before.current;
    if (stuck.current) scroller.scrollTop = scroller.scrollHeight;
    else if (last.key !== undefined && last.key !== firstKey) scroller.scrollTop += scroller.scrollHeight - last.height;
    before.current = { key: firstKey, height: scroller.scrollHeight };
  });

  useEffect(() => {
    const inner = scroller?.firstElementChild;
    if (!scroller || !inner || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => {
      if (stuck.current) scroller.scrollTop = scroller.scrollHeight;
      before.current.height = scroller.scrollHeight;
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
