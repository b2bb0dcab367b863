/** A kept result: as it was said then, with its note. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { go } from '../app/route';
import { useStatus } from '../app/status';
import { entry as read, keep, remove, spots, StorageError } from '../history/db';
import type { Entry, Spot } from '../history/types';
import { useDates } from '../ui/dates';
import { Ask } from '../ui/dialog';
import { Button, ButtonLink, Title } from '../ui/parts';
import { PdfButton } from '../ui/pdf-button';
import { ResultView } from '../ui/result-view';

/** The entry and its spot; null while it is read, undefined where it is no longer there. */
export function useEntry(id: string): [Entry | null | undefined, Spot | null, (entry: Entry) => void] {
  const [found, setFound] = useState<Entry | null | undefined>(null);
  const [spot, setSpot] = useState<Spot | null>(null);
  useEffect(() => {
    Promise.all([read(id), spots()]).then(
      ([entry, known]) => {
        setFound(entry);
        setSpot(known.find((one) => one.id === entry?.spot) ?? null);
      },
      () => setFound(undefined),
    );
  }, [id]);
  return [found, spot, setFound];
}

export function Missing() {
  const { t } = useTranslation();
  return (
    <section className="card grid justify-items-center gap-4 text-center">
      <Title>{t('history.missing')}</Title>
      <ButtonLink to="history" look="main">
        {t('history.title')}
      </ButtonLink>
    </section>
  );
}

function Note({ entry, onChange }: { entry: Entry; onChange: (entry: Entry) => void }) {
  const { t } = useTranslation();
  const [note, setNote] = useState(entry.note);
  const [said, setSaid] = useState<string | null>(null);
  const save = (): void => {
    const next = { ...entry, note: note.trim() };
    keep([next]).then(
      () => {
        onChange(next);
        setSaid(t('history.noteSaved'));
      },
      (error: unknown) => setSaid(t(error instanceof StorageError && error.full ? 'keep.full' : 'keep.forbidden')),
    );
  };
  return (
    <section className="card grid gap-2">
      <label className="grid gap-1 font-semibold">
        {t('history.note')}
        <textarea
          className="field font-normal"
          rows={3}
          maxLength={2000}
          value={note}
          onChange={(event) => {
            setNote(event.target.value);
            setSaid(null);
          }}
        />
      </label>
      <div className="flex items-center justify-end gap-3">
        <span role="status" className="text-sm text-muted">
          {said}
        </span>
        <Button disabled={note === entry.note} onClick={save}>
          {t('common.save')}
        </Button>
      </div>
    </section>
  );
}

export default function EntryScreen({ id }: { id: string }) {
  const { t } = useTranslation();
  const { day } = useDates();
  const [entry, spot, setEntry] = useEntry(id);
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState(false);
  const { info } = useStatus();
  if (entry === null) return null;
  if (entry === undefined) return <Missing />;
  const same = info?.bundle.version === entry.analysis.bundle.version;
  return (
    <div className="grid gap-4">
      <div>
        <Title>{spot?.name ?? t('history.entry')}</Title>
        <p className="text-muted">{day(entry.taken)}</p>
      </div>
      <div>
        <ResultView {...entry} sensitivities={same ? info.sensitivities : null}>
          <div className="flex flex-wrap gap-2">
            <PdfButton report={{ ...entry, spot: spot?.name ?? null }} />
            {spot && (
              <ButtonLink to="spot" rest={[spot.id]} icon="compare">
                {t('history.compare')}
              </ButtonLink>
            )}
            <Button icon="trash" onClick={() => setAsking(true)}>
              {t('common.delete')}
            </Button>
          </div>
          {failed && <p role="alert">{t('keep.forbidden')}</p>}
          <Note entry={entry} onChange={setEntry} />
        </ResultView>
      </div>
      <Ask
        title={t('common.delete')}
        text={t('history.deleteOneText')}
        yes={t('common.delete')}
        look="danger"
        open={asking}
        onNo={() => setAsking(false)}
        onYes={() => {
          setAsking(false);
          remove(id).then(
            () => go('history', [], true),
            () => setFailed(true),
          );
        }}
      />
    </div>
  );
}
