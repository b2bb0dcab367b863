/** Keep a result: of which spot it is, and a note. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { markKept, type Result } from '../app/session';
import { THUMB_SIDE, viewOf } from '../app/view';
import { keep, spots, StorageError } from '../history/db';
import type { Entry, Spot } from '../history/types';
import { Sheet } from './dialog';
import { Button } from './parts';

const NEW = 'new';
const NONE = 'none';

/** A random id; `crypto.randomUUID` is there on secure pages alone. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function keepResult(result: Result, choice: string, name: string, note: string): Promise<string> {
  const now = new Date().toISOString();
  const spot: Spot | null =
    choice === NEW ? { id: newId(), name: name.trim() || now.slice(0, 10), created: now } : null;
  const entry: Entry = {
    id: newId(),
    taken: now,
    spot: choice === NONE ? null : (spot?.id ?? choice),
    note: note.trim(),
    by: result.by,
    analysis: result.analysis,
    bounds: result.info ? { low: result.info.low, high: result.info.high } : null,
    view: result.view,
    thumb: await viewOf(result.view, null, THUMB_SIDE),
  };
  await keep([entry], spot ? [spot] : []);
  return entry.id;
}

function useSpots(open: boolean): Spot[] {
  const [known, setKnown] = useState<Spot[]>([]);
  useEffect(() => {
    if (open) spots().then(setKnown, () => undefined);
  }, [open]);
  return known;
}

export function KeepSheet({ result, open, onClose }: { result: Result; open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const known = useSpots(open);
  const [choice, setChoice] = useState(NEW);
  const [name, setName] = useState('');
  const [note, setNote] = useState('');
  const [problem, setProblem] = useState<'full' | 'forbidden' | null>(null);
  const save = (): void => {
    keepResult(result, choice, name, note).then(
      (id) => {
        markKept(id);
        onClose();
      },
      (error: unknown) => setProblem(error instanceof StorageError && error.full ? 'full' : 'forbidden'),
    );
  };
  return (
    <Sheet title={t('keep.title')} text={t('keep.text')} open={open} onClose={onClose}>
      <label className="grid gap-1">
        {t('keep.spot')}
        <select className="field" value={choice} onChange={(event) => setChoice(event.target.value)}>
          <option value={NEW}>{t('keep.new')}</option>
          {known.map((spot) => (
            <option key={spot.id} value={spot.id}>
              {spot.name}
            </option>
          ))}
          <option value={NONE}>{t('keep.none')}</option>
        </select>
      </label>
      {choice === NEW && (
        <label className="grid gap-1">
          {t('keep.name')}
          <input
            className="field"
            value={name}
            maxLength={100}
            placeholder={t('keep.nameHint')}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
      )}
      <label className="grid gap-1">
        {t('keep.note')}
        <textarea
          className="field"
          rows={2}
          value={note}
          maxLength={2000}
          placeholder={t('keep.noteHint')}
          onChange={(event) => setNote(event.target.value)}
        />
      </label>
      {problem && (
        <p role="alert" className="rounded-xl bg-high-soft p-3 text-high">
          {t(`keep.${problem}`)}
        </p>
      )}
      <div className="flex justify-end gap-3">
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="main" onClick={save}>
          {t('common.save')}
        </Button>
      </div>
    </Sheet>
  );
}
