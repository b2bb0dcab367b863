/** The disclaimer, always in view: at the foot of the window, over the navigation; all of it can be opened. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Said } from '../i18n/triage';
import { Icon } from './icons';

export function Disclaimer({ said }: { said: Said }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <aside
      aria-label={t('result.disclaimer')}
      className="sticky bottom-[calc(3.5rem+env(safe-area-inset-bottom))] z-20 -mx-4 mt-6 border-t border-edge bg-card px-4 py-2 shadow-[0_-8px_24px_-12px_rgb(0_0_0/0.35)] lg:bottom-0 lg:mx-0 lg:rounded-t-2xl lg:border-x"
    >
      <div className="flex items-start gap-3 text-sm">
        <Icon name="info" className="mt-1 size-5 text-accent" />
        <p id="disclaimer" lang={said.lang} className={`grow py-0.5 ${open ? '' : 'line-clamp-2'}`}>
          {said.text}
        </p>
        <button
          type="button"
          aria-expanded={open}
          aria-controls="disclaimer"
          onClick={() => setOpen(!open)}
          className="link min-h-8 shrink-0 px-1 font-semibold"
        >
          {t(open ? 'common.less' : 'common.more')}
        </button>
      </div>
    </aside>
  );
}
