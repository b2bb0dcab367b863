/** The bundle on the device: fetched once, verified file by file, kept whole in Cache Storage, replaced only whole. */
import { BundleError } from '../core/errors';
import { neededFiles, parseManifest, sha256, type FileEntry, type Manifest } from '../core/manifest';

const PREFIX = 'skintag-bundle-';
const MARK = 'bundle.json'; // stored last: a cache that has it is whole

export interface StoredBundle {
  manifest: Manifest;
  files: Map<string, ArrayBuffer>;
  /** `bundle.json` as it came. */
  mark: ArrayBuffer;
  /** Whether it is kept for flight mode; false where the storage is full or there is none. */
  kept: boolean;
}

export type Progress = (loaded: number, total: number) => void;

function keyOf(entry: FileEntry): string {
  return `https://bundle.invalid/${entry.sha256}`;
}

const markKey = `https://bundle.invalid/${MARK}`;

async function ownCaches(): Promise<string[]> {
  if (typeof caches === 'undefined') return [];
  const names = await caches.keys().catch((): string[] => []); // some private windows forbid it
  return names.filter((name) => name.startsWith(PREFIX));
}

/** The whole bundle that is kept, verified again; null where there is none. */
export async function readStored(): Promise<StoredBundle | null> {
  for (const name of await ownCaches()) {
    try {
      const cache = await caches.open(name);
      const mark = await cache.match(markKey);
      if (!mark) continue;
      const bytes = await mark.arrayBuffer();
      const manifest = await parseManifest(bytes);
      const files = new Map<string, ArrayBuffer>();
      for (const entry of neededFiles(manifest)) files.set(entry.path, await fromCache(cache, entry));
      return { manifest, files, mark: bytes, kept: true };
    } catch {
      await caches.delete(name).catch(() => false); // damaged: it is fetched again
    }
  }
  return null;
}

async function fromCache(cache: Cache, entry: FileEntry): Promise<ArrayBuffer> {
  const found = await cache.match(keyOf(entry));
  if (!found) throw new BundleError(entry.path, 'the file in the cache', 'none');
  return checked(await found.arrayBuffer(), entry);
}

async function checked(bytes: ArrayBuffer, entry: FileEntry): Promise<ArrayBuffer> {
  if (bytes.byteLength !== entry.bytes) {
    throw new BundleError(entry.path, `${entry.bytes} bytes`, String(bytes.byteLength));
  }
  const found = await sha256(bytes);
  if (found !== entry.sha256) throw new BundleError(entry.path, entry.sha256.slice(0, 12), found.slice(0, 12));
  return bytes;
}

async function get(url: URL, cache: RequestCache): Promise<Response> {
  const response = await fetch(url, { cache, redirect: 'error', credentials: 'same-origin' });
  if (!response.ok) throw new BundleError(url.pathname, 'the file', `status ${response.status}`);
  return response;
}

/** The manifest that the site has now. Throws where there is no network, or it is not one. */
export async function fetchManifest(base: URL): Promise<{ manifest: Manifest; bytes: ArrayBuffer }> {
  const bytes = await (await get(new URL(MARK, base), 'no-cache')).arrayBuffer();
  return { manifest: await parseManifest(bytes), bytes };
}

/** Fetch what the manifest lists, taking over from the kept bundle what is the same; nothing is kept of it yet. */
export async function fetchBundle(base: URL, have: StoredBundle | null, progress: Progress): Promise<StoredBundle> {
  const { manifest, bytes } = await fetchManifest(base);
  if (have?.manifest.digest === manifest.digest) return have;
  const needed = neededFiles(manifest);
  const known = new Map(have?.manifest.files.map((entry) => [entry.sha256, have.files.get(entry.path)]));
  const total = needed.reduce((sum, entry) => sum + entry.bytes, 0);
  const files = new Map<string, ArrayBuffer>();
  let loaded = 0;
  for (const entry of needed) {
    const url = new URL(`${entry.path}?v=${entry.sha256}`, base);
    const found = known.get(entry.sha256) ?? (await (await get(url, 'default')).arrayBuffer());
    files.set(entry.path, await checked(found, entry));
    loaded += entry.bytes;
    progress(loaded, total);
  }
  return { manifest, files, mark: bytes, kept: false };
}

/** Forget a kept bundle that does not do. */
export async function forget({ manifest }: StoredBundle): Promise<void> {
  if (typeof caches !== 'undefined') await caches.delete(PREFIX + manifest.digest).catch(() => false);
}

/** Keep a whole bundle and drop the others; false where the storage does not take it. */
export async function keep({ manifest, files, mark }: StoredBundle): Promise<boolean> {
  if (typeof caches === 'undefined') return false;
  const name = PREFIX + manifest.digest;
  try {
    const cache = await caches.open(name);
    for (const entry of neededFiles(manifest)) await cache.put(keyOf(entry), new Response(files.get(entry.path)));
    await cache.put(markKey, new Response(mark));
  } catch {
    await caches.delete(name).catch(() => false);
    return false;
  }
  for (const other of await ownCaches()) if (other !== name) await caches.delete(other).catch(() => false);
  return true;
}
