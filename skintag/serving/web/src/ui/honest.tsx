/** How many cancers the model found in its test, on skin and photographs like these; a warning where that is not known. */
import { useTranslation } from 'react-i18next';
import { useSettings } from '../app/settings';
import type { Sensitivities, Share } from '../core/types';
import { FEW } from '../core/metrics';
import { Icon } from './icons';
import { Heading } from './parts';
import { ends, percent } from './tier';

function Figure({ sentence, share, group }: { sentence: string; share: Share | null | undefined; group: string }) {
  const { t } = useTranslation();
  if (!share || share.value === null || share.low === null || share.high === null) {
    return <Warning text={t('result.honestNone', { group })} />;
  }
  const found = { found: percent(share.value), ...ends(share.low, share.high), n: share.n, group };
  return (
    <div className="grid gap-2">
      <p>{t(sentence, found)}</p>
      <div aria-hidden="true" className="relative h-3 rounded-full bg-sunk">
        <div
          className="absolute inset-y-0 rounded-full bg-accent/40"
          style={{ insetInlineStart: `${share.low * 100}%`, width: `${(share.high - share.low) * 100}%` }}
        />
        <div
          className="absolute inset-y-0 w-1 -translate-x-1/2 rounded bg-accent rtl:translate-x-1/2"
          style={{ insetInlineStart: `${share.value * 100}%` }}
        />
      </div>
      {share.few && <Warning text={t(share.n < FEW ? 'result.honestFew' : 'result.honestFewPeople', { n: share.n })} />}
    </div>
  );
}

function Warning({ text }: { text: string }) {
  return (
    <p className="flex items-start gap-2 rounded-xl bg-moderate-soft p-3 text-moderate">
      <Icon name="warning" className="mt-0.5 size-5" />
      {text}
    </p>
  );
}

export function Honest({ sensitivities, note }: { sensitivities: Sensitivities | null; note: string }) {
  const { t } = useTranslation();
  const { skin, camera } = useSettings();
  const known = sensitivities?.overall ?? null;
  return (
    <section className="card grid gap-4">
      <Heading>{t('result.honest')}</Heading>
      {!sensitivities || !known ? (
        <Warning text={t('result.honestNothing')} />
      ) : (
        <>
          {skin ? (
            <Figure sentence="result.honestSkin" share={sensitivities.skin[skin]} group={t(`skin.${skin}`)} />
          ) : (
            <Figure sentence="result.honestAll" share={known} group="" />
          )}
          <Figure sentence="result.honestCamera" share={sensitivities.camera[camera]} group={t(`crop.${camera}`)} />
          <p className="text-sm text-muted">
            {t('result.honestInterval')} {!skin && t('result.honestAsk')}
          </p>
        </>
      )}
      {note && <Warning text={t('result.honestNote', { note })} />}
    </section>
  );
}
