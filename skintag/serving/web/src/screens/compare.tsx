/** Two photos of one spot laid over each other, with a slider between them. */
import { useState, type CSSProperties } from 'react';
import { useTranslation } from 'react-i18next';
import type { Entry } from '../history/types';
import { localeOf } from '../i18n';
import { disclaimerOf } from '../i18n/triage';
import { useDates } from '../ui/dates';
import { Disclaimer } from '../ui/disclaimer';
import { ButtonLink, Heading, Range, Title } from '../ui/parts';
import { TierBadge } from '../ui/tier-badge';
import { percent } from '../ui/tier';
import { useUrl } from '../ui/use-url';
import { Missing, useEntry } from './entry';

/** As wide as the pictures, so that the slider's thumb is below the line. */
const SIDE = 'mx-auto w-full max-w-[min(36rem,52dvh)]';

function Overlay({ before, after }: { before: Entry; after: Entry }) {
  const { t } = useTranslation();
  const [share, setShare] = useState(50);
  const [under, over] = [useUrl(before.view), useUrl(after.view)];
  const cut: CSSProperties = { clipPath: `inset(0 0 0 ${share}%)` }; // the line goes where the thumb goes
  return (
    <section className="card grid gap-3">
      <div className={`relative aspect-square overflow-hidden rounded-2xl bg-sunk ${SIDE}`}>
        {under && <img src={under} alt={t('compare.before')} className="absolute inset-0 size-full object-cover" />}
        {over && (
          <img src={over} alt={t('compare.after')} style={cut} className="absolute inset-0 size-full object-cover" />
        )}
        <span aria-hidden="true" className="absolute inset-y-0 w-0.5 bg-white shadow" style={{ left: `${share}%` }} />
        <span className="absolute bottom-2 left-2 rounded-full bg-black/75 px-3 py-1 text-sm text-white">
          {t('compare.before')}
        </span>
        <span className="absolute right-2 bottom-2 rounded-full bg-black/75 px-3 py-1 text-sm text-white">
          {t('compare.after')}
        </span>
      </div>
      <p className="text-sm text-muted">{t('compare.text')}</p>
      <div className={SIDE}>
        <Range
          dir="ltr"
          label={t('compare.slider')}
          value={share}
          min={0}
          max={100}
          step={1}
          onChange={setShare}
          valueText={`${share} %`}
        />
      </div>
    </section>
  );
}

function Side({ label, entry }: { label: string; entry: Entry }) {
  const { t } = useTranslation();
  const { day } = useDates();
  return (
    <section className="card grid content-start gap-2">
      <Heading>{label}</Heading>
      <p className="text-muted">{day(entry.taken)}</p>
      <p className="flex flex-wrap items-center gap-3">
        <TierBadge tier={entry.analysis.tier} /> {t('common.of100', { n: percent(entry.analysis.malignancy_score) })}
      </p>
      {entry.note && <p className="text-muted">{entry.note}</p>}
      <ButtonLink to="entry" rest={[entry.id]} look="quiet" className="justify-self-start">
        {t('history.entry')}
      </ButtonLink>
    </section>
  );
}

export default function CompareScreen({ before: beforeId, after: afterId }: { before: string; after: string }) {
  const { t, i18n } = useTranslation();
  const [one] = useEntry(beforeId);
  const [two] = useEntry(afterId);
  if (one === null || two === null) return null;
  if (!one || !two) return <Missing />;
  const [before, after] = one.taken <= two.taken ? [one, two] : [two, one];
  const points = Math.round((after.analysis.malignancy_score - before.analysis.malignancy_score) * 100);
  const signed = new Intl.NumberFormat(localeOf(i18n.language), { signDisplay: 'exceptZero' }).format(points);
  return (
    <div className="grid gap-5">
      <Title>{t('compare.title')}</Title>
      <Overlay before={before} after={after} />
      <p className="card text-lg">
        {t('compare.change')}: <strong>{t('compare.points', { n: signed })}</strong>
      </p>
      {before.analysis.bundle.version !== after.analysis.bundle.version && (
        <p className="text-muted">{t('history.chartOther')}</p>
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        <Side label={t('compare.before')} entry={before} />
        <Side label={t('compare.after')} entry={after} />
      </div>
      <Disclaimer said={disclaimerOf(after.analysis, t, i18n.language)} />
    </div>
  );
}
