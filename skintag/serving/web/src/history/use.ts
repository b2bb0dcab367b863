/** What is kept, as the screens read it. */
import { useCallback, useEffect, useState } from 'react';
import { entries, spots } from './db';
import type { Entry, Spot } from './types';

export interface Kept {
  entries: Entry[];
  spots: Spot[];
}

/** All that is kept, and how to read it again; null while it is read, `failed` where the browser forbids it. */
export function useKept(): { kept: Kept | null; failed: boolean; again: () => void } {
  const [kept, setKept] = useState<Kept | null>(null);
  const [failed, setFailed] = useState(false);
  const again = useCallback(() => {
    Promise.all([entries(), spots()]).then(
      ([foundEntries, foundSpots]) => {
        setKept({ entries: foundEntries, spots: foundSpots });
        setFailed(false);
      },
      () => setFailed(true),
    );
  }, []);
  useEffect(again, [again]);
  return { kept, failed, again };
}
