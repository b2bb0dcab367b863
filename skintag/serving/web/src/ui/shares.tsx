/** The three categories and the likeliest conditions, as bars with their numbers. */
import { useTranslation } from 'react-i18next';
import type { Categories, Condition } from '../core/types';
import { CONDITIONS } from '../core/parts';
import { wholeShares } from '../core/percent';
import { Heading, Outbound } from './parts';
import { percent } from './tier';

function Bar({ share, className }: { share: number; className: string }) {
  return (
    <div aria-hidden="true" className="h-2.5 overflow-hidden rounded-full bg-sunk">
      <div
        className={`h-full rounded-full transition-[width] duration-700 ${className}`}
        style={{ width: `${share * 100}%` }}
      />
    </div>
  );
}

const LOOKS = { malignant: 'bg-high', inflammatory: 'bg-moderate', benign: 'bg-low' } as const;

export function CategoryBars({ categories }: { categories: Categories }) {
  const { t } = useTranslation();
  return (
    <section className="card grid gap-3">
      <Heading>{t('result.categories')}</Heading>
      <ul className="grid gap-3">
        {wholeShares(categories).map(([name, said]) => (
          <li key={name} className="grid gap-1">
            <p className="flex justify-between gap-3">
              <span className="font-semibold">{t(`result.${name}`)}</span> <span>{t('common.of100', { n: said })}</span>
            </p>
            <Bar share={categories[name]!} className={LOOKS[name]} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const TOPICS: Record<string, string> = {
  melanoma: 'melanoma',
  basal_cell_carcinoma: 'basal-cell-carcinoma',
  squamous_cell_carcinoma: 'cutaneous-squamous-cell-carcinoma',
  actinic_keratosis: 'actinic-keratosis',
  melanocytic_nevus: 'melanocytic-naevus',
  seborrheic_keratosis: 'seborrhoeic-keratosis',
  dermatofibroma: 'dermatofibroma',
  vascular_lesion: 'angioma',
  non_neoplastic: 'dermatitis',
  other_malignant: 'skin-cancer',
};

/** Where DermNet tells of a condition. */
export function dermnet(name: string): string {
  return `https://dermnetnz.org/topics${name in TOPICS ? `/${TOPICS[name]}` : ''}`;
}

export function ConditionList({ conditions }: { conditions: Condition[] }) {
  const { t } = useTranslation();
  if (!conditions.length) return null;
  const known = (name: string): string => (CONDITIONS.includes(name) ? name : 'other_unknown');
  return (
    <section className="card grid gap-4">
      <Heading>{t('result.conditions')}</Heading>
      <ol className="grid gap-5">
        {conditions.map(({ name, probability }) => (
          <li key={name} className="grid gap-1">
            <p className="flex justify-between gap-3">
              <span className="font-semibold">{t(`conditions.${known(name)}.name`)}</span>{' '}
              <span>{t('common.of100', { n: percent(probability) })}</span>
            </p>
            <Bar share={probability} className="bg-accent" />
            <p className="text-muted">{t(`conditions.${known(name)}.text`)}</p>
            <Outbound href={dermnet(known(name))}>
              {t('result.dermnet')}
              <span className="sr-only">: {t(`conditions.${known(name)}.name`)}</span>
            </Outbound>
          </li>
        ))}
      </ol>
      <p className="text-sm text-muted">{t('result.conditionsNote')}</p>
    </section>
  );
}
