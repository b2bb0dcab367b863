/** The history in this browser's IndexedDB; nowhere else. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Entry, Spot } from './types';

interface Schema extends DBSchema {
  entries: { key: string; value: Entry; indexes: { spot: string } };
  spots: { key: string; value: Spot };
}

/** The storage is full, or forbidden. */
export class StorageError extends Error {
  constructor(readonly full: boolean) {
    super(full ? 'the storage is full' : 'the storage cannot be used');
    this.name = 'StorageError';
  }
}

let opened: Promise<IDBPDatabase<Schema>> | null = null;

function open(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>('skintag', 1, {
    upgrade(db) {
      db.createObjectStore('entries', { keyPath: 'id' }).createIndex('spot', 'spot');
      db.createObjectStore('spots', { keyPath: 'id' });
    },
    terminated: () => (opened = null),
  }).catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

async function guarded<T>(work: (db: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
  try {
    return await work(await open());
  } catch (error) {
    throw new StorageError(error instanceof Error && error.name === 'QuotaExceededError');
  }
}

/** All entries, newest first. */
export async function entries(): Promise<Entry[]> {
  const all = await guarded((db) => db.getAll('entries'));
  return all.sort((a, b) => (a.taken < b.taken ? 1 : -1));
}

export const entry = (id: string): Promise<Entry | undefined> => guarded((db) => db.get('entries', id));

/** Entries of one spot, oldest first. */
export async function entriesOf(spot: string): Promise<Entry[]> {
  const all = await guarded((db) => db.getAllFromIndex('entries', 'spot', spot));
  return all.sort((a, b) => (a.taken < b.taken ? -1 : 1));
}

/** All spots by name. */
export async function spots(): Promise<Spot[]> {
  const all = await guarded((db) => db.getAll('spots'));
  return all.sort((a, b) => a.name.localeCompare(b.name));
}

/** Keep entries and spots in one go: all of them or none. Throws StorageError. */
export async function keep(newEntries: readonly Entry[], newSpots: readonly Spot[] = []): Promise<void> {
  await guarded(async (db) => {
    const work = db.transaction(['entries', 'spots'], 'readwrite');
    const done = work.done.catch((error: unknown) => {
      throw work.error ?? error; // what was the matter, and not only that it was given up
    });
    try {
      for (const spot of newSpots)
        void work
          .objectStore('spots')
          .put(spot)
          .catch(() => undefined);
      for (const item of newEntries)
        void work
          .objectStore('entries')
          .put(item)
          .catch(() => undefined);
    } catch (error) {
      void done.catch(() => undefined);
      work.abort(); // else what went in before would stay
      throw error;
    }
    await done;
  });
}

/** Delete an entry, and its spot where it was the last one. */
export async function remove(id: string): Promise<void> {
  await guarded(async (db) => {
    const work = db.transaction(['entries', 'spots'], 'readwrite');
    const found = await work.objectStore('entries').get(id);
    await work.objectStore('entries').delete(id);
    if (found?.spot && !(await work.objectStore('entries').index('spot').count(found.spot))) {
      await work.objectStore('spots').delete(found.spot);
    }
    await work.done;
  });
}

/** Delete everything. */
export async function removeAll(): Promise<void> {
  await guarded(async (db) => {
    const work = db.transaction(['entries', 'spots'], 'readwrite');
    await Promise.all([work.objectStore('entries').clear(), work.objectStore('spots').clear(), work.done]);
  });
}
