/** What has to be said of a model before anything that it says: above all, that it knows nothing of skin. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { TFunction } from 'i18next';
import { modelInfo } from '../api/client';
import { useSettings } from '../app/settings';
import { useStatus } from '../app/status';
import { Icon } from './icons';

/** Whether a bundle's note says that its pictures are made up. */
export function isDemo(note: string): boolean {
  return /\b(synthetic|drawn|demo)\b/i.test(note);
}

/** The note in the person's language where it is a demonstration, else as the bundle has it; empty without one. */
export function noteText(note: string, t: TFunction): string {
  if (!note) return '';
  return isDemo(note) ? t('note.demo') : t('result.honestNote', { note });
}

export function ModelNote({ note, className = '' }: { note: string; className?: string }) {
  const { t } = useTranslation();
  if (!note) return null;
  return (
    <p
      role="note"
      data-testid="model-note"
      className={`flex items-start gap-3 rounded-2xl bg-moderate-soft p-4 text-start font-semibold text-moderate ${className}`}
    >
      <Icon name="warning" className="mt-0.5 size-5" />
      {noteText(note, t)}
    </p>
  );
}

/** The note of the model that will look at the next photo; empty while it is not known. */
export function useModelNote(): string {
  const { where } = useSettings();
  const { info } = useStatus();
  const [server, setServer] = useState('');
  useEffect(() => {
    if (where === 'server')
      modelInfo().then(
        ({ bundle }) => setServer(bundle.note),
        () => undefined,
      );
  }, [where]);
  return (where === 'server' && server) || info?.bundle.note || '';
}
