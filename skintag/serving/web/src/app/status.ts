/** Whether there is a network, a server, and a model on the device. */
import { useSyncExternalStore } from 'react';
import { isReady } from '../api/client';
import { DeviceModel } from '../device/client';
import type { ModelInfo } from '../device/messages';
import { settings, subscribe } from './settings';

export interface Status {
  online: boolean;
  /** null: not asked yet. */
  server: boolean | null;
  device: 'unknown' | 'loading' | 'ready' | 'failed';
  /** Share of the model that is loaded. */
  loaded: number;
  info: ModelInfo | null;
  /** A newer model was taken over since the app was opened. */
  updated: boolean;
}

let current: Status = {
  online: navigator.onLine,
  server: null,
  device: 'unknown',
  loaded: 0,
  info: null,
  updated: false,
};
const listeners = new Set<() => void>();

export const device = new DeviceModel(new URL('bundle/', document.baseURI).href);

function set(changes: Partial<Status>): void {
  current = { ...current, ...changes };
  for (const listener of listeners) listener();
}

export function status(): Status {
  return current;
}

export function useStatus(): Status {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, status);
}

/** Ask the server whether it is there. */
export async function askServer(): Promise<boolean> {
  const server = navigator.onLine && (await isReady());
  set({ server, online: server || (await isOnline()) });
  return server;
}

/** Whether the site can be reached: a browser that says it has a network may still reach nothing. */
async function isOnline(): Promise<boolean> {
  if (!navigator.onLine) return false;
  const url = new URL('bundle/bundle.json', document.baseURI);
  return fetch(url, { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(8000) }).then(
    () => true,
    () => false,
  );
}

/** Ask what is of use now: the server only where it was chosen, for a site without one should not be asked for it. */
async function ask(): Promise<void> {
  if (settings().where === 'server') await askServer();
  else set({ online: await isOnline() });
}

export function clearUpdated(): void {
  set({ updated: false });
}

/** Load the model onto the device, and then, where there is a network, look for another version. */
export async function prepareDevice(): Promise<ModelInfo> {
  if (current.device !== 'ready') set({ device: 'loading' });
  try {
    const info = await device.load((loaded, total) => set({ loaded: loaded / total }));
    set({ device: 'ready', info });
    return info;
  } catch (error) {
    set({ device: 'failed' });
    throw error;
  }
}

/** Look for another version of the model, and whether there was one; a half update is no update, and throws. */
export async function lookForNewer(): Promise<boolean> {
  const info = await device.update();
  if (info) set({ info, updated: true });
  return info !== null;
}

/** Look for another version of the model; without a network, or where it is not whole, the kept one goes on. */
export async function updateDevice(): Promise<void> {
  if (navigator.onLine && current.device === 'ready') await lookForNewer().catch(() => undefined);
}

/** Follow the network, and ask the server now and then while the page is seen. */
export function watch(): void {
  addEventListener('online', () => void ask());
  addEventListener('offline', () => set({ online: false, server: false }));
  setInterval(() => document.visibilityState === 'visible' && void ask(), 60_000);
  subscribe(() => settings().where === 'server' && current.server === null && void ask());
  void ask();
}
