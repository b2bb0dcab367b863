/** One spot over time: its chart, and which two photos to lay over each other. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { entriesOf, spots } from '../history/db';
import type { Entry, Spot } from '../history/types';
import { Chart } from '../ui/chart';
import { useDates } from '../ui/dates';
import { ButtonLink, Heading, Title } from '../ui/parts';
import { percent } from '../ui/tier';
import { Missing } from './entry';

interface PickProps {
  label: string;
  value: string;
  entries: Entry[];
  onChange: (id: string) => void;
}

function Pick({ label, value, entries, onChange }: PickProps) {
  const { t } = useTranslation();
  const { short } = useDates();
  return (
    <label className="grid gap-1">
      {label}
      <select className="field" value={value} onChange={(event) => onChange(event.target.value)}>
        {entries.map((entry, i) => (
          <option key={entry.id} value={entry.id}>
            {i + 1}: {short(entry.taken)} – {t('common.of100', { n: percent(entry.analysis.malignancy_score) })}
          </option>
        ))}
      </select>
    </label>
  );
}

function Choose({ entries }: { entries: Entry[] }) {
  const { t } = useTranslation();
  const [before, setBefore] = useState(entries[0]!.id);
  const [after, setAfter] = useState(entries.at(-1)!.id);
  return (
    <section className="card grid gap-4">
      <Heading>{t('compare.title')}</Heading>
      <div className="grid gap-3 sm:grid-cols-2">
        <Pick label={t('compare.before')} value={before} entries={entries} onChange={setBefore} />
        <Pick label={t('compare.after')} value={after} entries={entries} onChange={setAfter} />
      </div>
      {before === after ? (
        <p className="text-muted">{t('compare.need')}</p>
      ) : (
        <ButtonLink to="compare" rest={[before, after]} look="main" icon="compare" className="justify-self-start">
          {t('compare.title')}
        </ButtonLink>
      )}
    </section>
  );
}

export default function SpotScreen({ id }: { id: string }) {
  const { t } = useTranslation();
  const [found, setFound] = useState<{ spot: Spot | undefined; entries: Entry[] } | null>(null);
  useEffect(() => {
    Promise.all([spots(), entriesOf(id)]).then(
      ([known, entries]) => setFound({ spot: known.find((spot) => spot.id === id), entries }),
      () => setFound({ spot: undefined, entries: [] }),
    );
  }, [id]);
  if (!found) return null;
  if (!found.spot || !found.entries.length) return <Missing />;
  const models = new Set(found.entries.map((entry) => entry.analysis.bundle.version));
  return (
    <div className="grid gap-5">
      <Title>{found.spot.name}</Title>
      <section className="card grid gap-3">
        <Heading>{t('history.chart')}</Heading>
        <Chart entries={found.entries} />
        {models.size > 1 && <p className="text-sm text-muted">{t('history.chartOther')}</p>}
      </section>
      <Choose entries={found.entries} />
      <ButtonLink to="history" look="quiet" icon="back" className="justify-self-start">
        {t('history.title')}
      </ButtonLink>
    </div>
  );
}
