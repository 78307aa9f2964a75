import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Keeps a full-screen panel above the on-screen keyboard: CSS reads the visible part of the page from two variables. */
export function useViewport(panel: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const view = window.visualViewport;
    if (!view) return undefined;
    const measure = (): void => {
      panel.current?.style.setProperty('--view-height', `${view.height}px`);
      panel.current?.style.setProperty('--view-top', `${view.offsetTop}px`);
    };
    measure();
    view.addEventListener('resize', measure);
    view.addEventListener('scroll', measure);
    return () => {
      view.removeEventListener('resize', measure);
      view.removeEventListener('scroll', measure);
    };
  }, []);
}
