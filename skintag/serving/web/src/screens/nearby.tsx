/** An outbound search for dermatologists; asked first, and no position leaves the app. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Ask } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Button, Heading, Title } from '../ui/parts';

const SITE = 'www.openstreetmap.org';

/** The search's address. */
export function searchUrl(query: string, place: string): string {
  return `https://${SITE}/search?query=${encodeURIComponent([query, place.trim()].filter(Boolean).join(' '))}`;
}

export default function NearbyScreen() {
  const { t } = useTranslation();
  const [place, setPlace] = useState('');
  const [asking, setAsking] = useState(false);
  const open = (): void => {
    setAsking(false);
    window.open(searchUrl(t('nearby.query'), place), '_blank', 'noopener,noreferrer');
  };
  return (
    <div className="mx-auto grid max-w-2xl gap-5">
      <Title>{t('nearby.title')}</Title>
      <form
        className="card grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          setAsking(true);
        }}
      >
        <p>{t('nearby.text')}</p>
        <label className="grid gap-1 font-semibold">
          {t('nearby.place')}
          <input
            className="field font-normal"
            value={place}
            maxLength={100}
            autoComplete="off"
            onChange={(event) => setPlace(event.target.value)}
          />
        </label>
        <Button type="submit" look="main" icon="external">
          {t('nearby.go')}
        </Button>
      </form>
      <section className="card grid gap-2 border-high bg-high-soft">
        <Heading className="flex items-center gap-2 text-high">
          <Icon name="warning" className="size-6" />
          {t('nearby.urgent')}
        </Heading>
        <p>{t('nearby.urgentText')}</p>
      </section>
      <Ask
        title={t('nearby.askTitle')}
        text={t('nearby.askText', { site: SITE })}
        yes={t('nearby.open')}
        open={asking}
        onNo={() => setAsking(false)}
        onYes={open}
      />
    </div>
  );
}
