/** The tier in large, and what to do. */
import { useTranslation } from 'react-i18next';
import type { Analysis } from '../core/types';
import { MALIGNANT } from '../core/triage';
import { CONDITIONS } from '../core/parts';
import { adviceOf } from '../i18n/triage';
import { Gauge } from './gauge';
import { Icon } from './icons';
import { ButtonLink, Heading } from './parts';
import { TIER_LOOK, tierTitle } from './tier';

/** Whether the tier is above LOW for the likeliest condition's sake and not for its score's. */
function lifted(analysis: Analysis, bounds: { low: number } | null): boolean {
  const low = bounds !== null && analysis.malignancy_score < bounds.low;
  const top = CONDITIONS.indexOf(analysis.conditions[0]?.name ?? '');
  return analysis.tier === 'MODERATE' && low && !MALIGNANT.includes(top);
}

export function Verdict({ analysis, bounds }: { analysis: Analysis; bounds: { low: number; high: number } | null }) {
  const { t, i18n } = useTranslation();
  const look = TIER_LOOK[analysis.tier];
  const advice = adviceOf(analysis, t, i18n.language);
  return (
    <section className="grid gap-4">
      <div
        className={`rise card grid gap-4 border-2 ${look.border} ${look.soft}`}
        data-testid="tier"
        data-tier={analysis.tier}
      >
        <p className={`flex items-center gap-3 ${look.text}`}>
          <Icon name={look.icon} className="size-12" />
          <span>
            <span className="block font-serif text-4xl">{tierTitle(analysis.tier, t)}</span>
            <span className="block font-semibold">{t(`result.${analysis.tier}Word`)}</span>
          </span>
        </p>
        <Gauge share={analysis.malignancy_score} tier={analysis.tier} bounds={bounds} />
        {lifted(analysis, bounds) && (
          <p className="flex items-start gap-2 rounded-xl bg-card p-3" data-testid="lifted">
            <Icon name="flame" className={`mt-0.5 size-5 ${look.text}`} />
            <span>
              {analysis.category === 'inflammatory' && (
                <strong className="block">{t('result.inflammatoryTitle')}</strong>
              )}
              {t('result.inflammatoryWhy')}
            </span>
          </p>
        )}
      </div>
      <div className="card grid gap-3">
        <Heading>{t('result.next')}</Heading>
        <p className="text-lg" lang={advice.lang}>
          {advice.text}
        </p>
        {analysis.tier !== 'LOW' && (
          <ButtonLink to="nearby" icon="pin" className="justify-self-start">
            {t('result.find')}
          </ButtonLink>
        )}
      </div>
    </section>
  );
}
