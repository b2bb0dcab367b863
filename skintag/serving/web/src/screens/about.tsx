/** What this is, what model it has, and whose work is in it. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { modelCard } from '../api/client';
import { askServer, useStatus } from '../app/status';
import { Markdown } from '../ui/markdown';
import { ModelNote } from '../ui/model-note';
import { Disclosure, Heading, Title } from '../ui/parts';

interface Licence {
  name: string;
  version: string;
  licence: string;
  text: string;
}

function useLicences(): Licence[] {
  const [all, setAll] = useState<Licence[]>([]);
  useEffect(() => {
    fetch(new URL('licences.json', document.baseURI))
      .then((response) => response.json() as Promise<Licence[]>)
      .then(setAll, () => undefined);
  }, []);
  return all;
}

function Licences() {
  const { t } = useTranslation();
  return (
    <section className="card grid gap-2">
      <Heading>{t('about.licences')}</Heading>
      <p className="text-muted">{t('about.licencesText')}</p>
      <ul className="divide-y divide-line" data-testid="licences">
        {useLicences().map(({ name, version, licence, text }) => (
          <li key={`${name}${version}`}>
            <Disclosure title={`${name} ${version} – ${licence}`}>
              <pre
                lang="en"
                tabIndex={0}
                role="region"
                aria-label={`${t('about.licence')}: ${name}`}
                className="max-h-72 overflow-auto rounded-xl bg-sunk p-3 text-xs whitespace-pre-wrap"
              >
                {text}
              </pre>
            </Disclosure>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The model's card, as far as the server is there to give it. */
function Card() {
  const { t } = useTranslation();
  const { server, online } = useStatus();
  const [card, setCard] = useState('');
  useEffect(() => {
    if (server === null) void askServer();
    if (server) modelCard().then(setCard, () => undefined);
  }, [server]);
  if (!card) return <p className="text-sm text-muted">{t(online ? 'about.cardNone' : 'about.cardOffline')}</p>;
  return (
    <div
      lang="en"
      tabIndex={0}
      role="region"
      aria-label={t('about.card')}
      className="grid max-h-[32rem] gap-2 overflow-auto rounded-xl bg-sunk p-4"
    >
      <Markdown text={card} under={2} />
    </div>
  );
}

export default function AboutScreen() {
  const { t } = useTranslation();
  const { info } = useStatus();
  return (
    <div className="mx-auto grid max-w-3xl gap-5">
      <Title>{t('about.title')}</Title>
      <ModelNote note={info?.bundle.note ?? ''} />
      <section className="card grid gap-3">
        <p className="text-lg">{t('about.text')}</p>
        <p>{t('disclaimer', { ns: 'triage' })}</p>
        <p className="text-sm text-muted">{t('about.version', { version: __APP_VERSION__ })}</p>
      </section>
      <section className="card grid gap-2">
        <Heading>{t('about.card')}</Heading>
        {info ? (
          <p>
            {t('result.bundle', { name: info.bundle.name, version: info.bundle.version })}
            {info.bundle.note && (
              <span className="block text-muted" lang="en">
                {info.bundle.note}
              </span>
            )}
          </p>
        ) : (
          <p className="text-muted">{t('settings.modelNone')}</p>
        )}
        <Card />
      </section>
      <section className="card grid gap-2">
        <Heading>{t('about.privacy')}</Heading>
        <p>{t('about.privacyText')}</p>
      </section>
      <Licences />
    </div>
  );
}
