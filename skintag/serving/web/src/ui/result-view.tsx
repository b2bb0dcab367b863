/** Everything that is said of a photo; the same for a fresh result and a kept one. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TookOver } from '../app/answer';
import type { Analysis, Sensitivities } from '../core/types';
import { localeOf } from '../i18n';
import { disclaimerOf } from '../i18n/triage';
import { Abcde } from './abcde';
import { Disclaimer } from './disclaimer';
import { Honest } from './honest';
import { Icon } from './icons';
import { ModelNote } from './model-note';
import { ButtonLink, Disclosure, Heading } from './parts';
import { PhotoMap } from './photo-map';
import { CategoryBars, ConditionList } from './shares';
import { Verdict } from './verdict';

export interface ResultViewProps {
  analysis: Analysis;
  bounds: { low: number; high: number } | null;
  sensitivities: Sensitivities | null;
  view: Blob;
  by: 'device' | 'server';
  tookOver?: TookOver;
  milliseconds?: number;
  /** Buttons and fields that belong to where the result is shown. */
  children: ReactNode;
}

function Quality({ analysis }: { analysis: Analysis }) {
  const { t } = useTranslation();
  if (!analysis.quality.length) return null;
  return (
    <section className="card grid gap-2 border-moderate bg-moderate-soft text-moderate" data-testid="quality">
      <Heading>{t('result.quality')}</Heading>
      <p>{t('result.qualityText')}</p>
      <ul className="list-disc ps-5">
        {analysis.quality.map(({ finding }) => (
          <li key={finding}>{t(`result.${finding}`)}</li>
        ))}
      </ul>
      <ButtonLink to="home" className="justify-self-start">
        {t('result.again')}
      </ButtonLink>
    </section>
  );
}

function Origin({ analysis, by, tookOver, milliseconds }: ResultViewProps) {
  const { t, i18n } = useTranslation();
  const digits = new Intl.NumberFormat(localeOf(i18n.language), {
    minimumSignificantDigits: 4,
    maximumSignificantDigits: 4,
  });
  const ms =
    milliseconds === undefined ? null : new Intl.NumberFormat(localeOf(i18n.language)).format(Math.round(milliseconds));
  const { out_of_distribution_score: strange } = analysis;
  return (
    <section className="text-sm text-muted" data-testid="origin" data-by={by}>
      {tookOver && (
        <p className="flex items-center gap-2">
          <Icon name="info" className="size-4" /> {t(tookOver === 'key' ? 'result.tookOverKey' : 'result.tookOver')}
        </p>
      )}
      <p className="flex items-center gap-2">
        <Icon name={by} className="size-4" />
        {ms === null
          ? t(by === 'device' ? 'status.device' : 'settings.server')
          : t(by === 'device' ? 'result.byDevice' : 'result.byServer', { ms })}
      </p>
      <p data-testid="bundle">{t('result.bundle', { name: analysis.bundle.name, version: analysis.bundle.version })}</p>
      <Disclosure title={t('result.technical')}>
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
          <dt>{t('result.reason')}</dt>
          <dd lang="en">{analysis.tier_reason}</dd>
          <dt>{t('result.score')}</dt>
          <dd>{digits.format(analysis.malignancy_score)}</dd>
          {strange !== null && (
            <>
              <dt>{t('result.ood')}</dt>
              <dd>{digits.format(strange)}</dd>
            </>
          )}
        </dl>
      </Disclosure>
    </section>
  );
}

export function ResultView(props: ResultViewProps) {
  const { t, i18n } = useTranslation();
  const { analysis, bounds, sensitivities, view, children } = props;
  return (
    <>
      <ModelNote note={analysis.bundle.note} className="mb-4" />
      {analysis.out_of_distribution && (
        <p className="mb-4 flex items-start gap-3 rounded-2xl bg-high-soft p-4 text-high">
          <Icon name="warning" className="mt-0.5 size-5" />
          {t('unlike.still')}
        </p>
      )}
      <div className="grid gap-4 lg:grid-cols-2 lg:items-start lg:gap-6">
        <div className="grid gap-4">
          <Verdict analysis={analysis} bounds={bounds} />
          {children}
          <Quality analysis={analysis} />
          <CategoryBars categories={analysis.categories} />
        </div>
        <div className="grid gap-4">
          <PhotoMap view={view} map={analysis.map} />
          <ConditionList conditions={analysis.conditions} />
          <Honest sensitivities={sensitivities} note={analysis.bundle.note} />
          <Abcde />
          <Origin {...props} />
        </div>
      </div>
      <Disclaimer said={disclaimerOf(analysis, t, i18n.language)} />
    </>
  );
}
