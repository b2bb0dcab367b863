/** What was kept, spot by spot, in this browser alone. */
import { useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { download } from '../app/download';
import { hrefOf } from '../app/route';
import { arePictures } from '../app/view';
import { entries as keptEntries, keep, removeAll, spots as keptSpots, StorageError } from '../history/db';
import { exportHistory, importHistory, ImportError, newOf } from '../history/exchange';
import type { Entry } from '../history/types';
import { useKept, type Kept } from '../history/use';
import { useDates } from '../ui/dates';
import { Ask, focusTitle } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Button, ButtonLink, Heading, Title } from '../ui/parts';
import { TierBadge } from '../ui/tier-badge';
import { useUrl } from '../ui/use-url';

function Thumb({ entry, spot }: { entry: Entry; spot: string }) {
  const { t } = useTranslation();
  const { short } = useDates();
  const url = useUrl(entry.thumb);
  const date = short(entry.taken);
  return (
    <a
      href={hrefOf('entry', entry.id)}
      className="group grid gap-2 rounded-2xl"
      aria-label={t('history.open', { spot, date, tier: t(`result.${entry.analysis.tier}`) })}
    >
      {url ? (
        <img
          src={url}
          alt=""
          className="aspect-square w-full rounded-2xl border border-line object-cover transition group-hover:brightness-105"
        />
      ) : (
        <span className="block aspect-square rounded-2xl bg-sunk" />
      )}
      <span className="grid justify-items-start gap-1 text-sm text-muted">
        {date} <TierBadge tier={entry.analysis.tier} />
      </span>
    </a>
  );
}

function Group({ id, name, entries }: { id: string | null; name: string; entries: Entry[] }) {
  const { t } = useTranslation();
  return (
    <section className="card grid gap-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <div>
          <Heading>{name}</Heading>
          <p className="text-sm text-muted">{t('history.photos', { count: entries.length })}</p>
        </div>
        {id && entries.length > 1 && (
          <ButtonLink to="spot" rest={[id]} icon="compare">
            {t('history.compare')}
          </ButtonLink>
        )}
      </div>
      <ul className="grid grid-cols-2 gap-4 sm:grid-cols-4 lg:grid-cols-5">
        {entries.map((entry) => (
          <li key={entry.id}>
            <Thumb entry={entry} spot={name} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function groupsOf(kept: Kept, without: string): ReactNode {
  const named = kept.spots.map((spot) => ({
    id: spot.id as string | null,
    name: spot.name,
    entries: kept.entries.filter((e) => e.spot === spot.id),
  }));
  const known = new Set(kept.spots.map((spot) => spot.id));
  const loose = kept.entries.filter((e) => e.spot === null || !known.has(e.spot));
  return [...named, { id: null, name: without, entries: loose }]
    .filter((group) => group.entries.length)
    .map((group) => <Group key={group.id ?? 'loose'} {...group} />);
}

function useExchange(
  kept: Kept | null,
  again: () => void,
): { said: string | null; out: () => void; take: (file: File) => void } {
  const { t } = useTranslation();
  const [said, setSaid] = useState<string | null>(null);
  const out = (): void => {
    if (!kept) return;
    exportHistory(kept.entries, kept.spots).then(
      (file) => download(file, `skintag-history-${new Date().toISOString().slice(0, 10)}.json`),
      () => setSaid(t('analysing.failed')),
    );
  };
  const take = async (file: File): Promise<void> => {
    try {
      const found = await importHistory(file);
      if (!(await arePictures(found.entries.flatMap(({ view, thumb }) => [view, thumb]))))
        throw new ImportError('entry');
      const { entries, spots, known } = newOf(found, { entries: await keptEntries(), spots: await keptSpots() });
      await keep(entries, spots);
      const taken = t('history.imported', { count: entries.length });
      setSaid(known ? `${taken} ${t('history.importedKnown', { count: known })}` : taken);
      again();
    } catch (error) {
      if (error instanceof ImportError) setSaid(t(`history.import${error.reason}`));
      else setSaid(t(error instanceof StorageError && error.full ? 'keep.full' : 'keep.forbidden'));
    }
  };
  return { said, out, take: (file) => void take(file) };
}

function Data({ kept, again }: { kept: Kept; again: () => void }) {
  const { t } = useTranslation();
  const [failed, setFailed] = useState(false);
  const [asking, setAsking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const { said, out, take } = useExchange(kept, again);
  return (
    <section className="card grid gap-3">
      <Heading>{t('history.data')}</Heading>
      <p className="text-muted">{t('history.dataText')}</p>
      <div className="flex flex-wrap gap-2">
        {kept.entries.length > 0 && (
          <Button icon="download" onClick={out}>
            {t('history.export')}
          </Button>
        )}
        <Button icon="upload" onClick={() => input.current?.click()}>
          {t('history.import')}
        </Button>
        <input
          ref={input}
          type="file"
          accept="application/json,.json"
          className="hidden"
          aria-label={t('history.import')}
          data-testid="import"
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) take(file);
            event.target.value = '';
          }}
        />
        {kept.entries.length > 0 && (
          <Button icon="trash" onClick={() => setAsking(true)}>
            {t('history.deleteAll')}
          </Button>
        )}
      </div>
      <p role="status" className="empty:hidden">
        {failed ? t('keep.forbidden') : said}
      </p>
      <Ask
        title={t('history.deleteAll')}
        text={t('history.deleteAllText')}
        yes={t('common.delete')}
        look="danger"
        open={asking}
        onNo={() => setAsking(false)}
        onYes={() => {
          setAsking(false);
          removeAll().then(
            () => {
              again();
              focusTitle(); // the button is about to go
            },
            () => setFailed(true),
          );
        }}
      />
    </section>
  );
}

export default function HistoryScreen() {
  const { t } = useTranslation();
  const { kept, failed, again } = useKept();
  return (
    <div className="grid gap-5">
      <Title>{t('history.title')}</Title>
      {failed && (
        <p role="alert" className="card">
          {t('keep.forbidden')}
        </p>
      )}
      {kept && !kept.entries.length && (
        <section className="card grid justify-items-center gap-3 py-10 text-center">
          <Icon name="history" className="size-12 text-accent" />
          <Heading>{t('history.empty')}</Heading>
          <p className="max-w-sm text-muted">{t('history.emptyText')}</p>
          <ButtonLink to="home" look="main">
            {t('nav.home')}
          </ButtonLink>
        </section>
      )}
      {kept && groupsOf(kept, t('history.noSpot'))}
      {kept && <Data kept={kept} again={again} />}
    </div>
  );
}
