/** The installed app: registered when the page has settled, and a newer one is offered, never forced. */
import { useSyncExternalStore } from 'react';

let reload: (() => void) | null = null;
const listeners = new Set<() => void>();

/** Register the service worker once nothing more urgent is to be done. */
export function registerApp(): void {
  if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return;
  const start = async (): Promise<void> => {
    const { registerSW } = await import('virtual:pwa-register');
    const update = registerSW({
      immediate: true,
      onNeedRefresh() {
        reload = () => void update(true);
        for (const listener of listeners) listener();
      },
    });
  };
  const soon = (): unknown => ('requestIdleCallback' in window ? requestIdleCallback(() => void start()) : start());
  if (document.readyState === 'complete') soon();
  else addEventListener('load', soon, { once: true });
}

/** How to take the newer app into use; null where there is none. */
export function useNewApp(): (() => void) | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => reload,
  );
}
