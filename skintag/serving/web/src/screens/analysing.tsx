/** The moment in which the photo is looked at, and what is said where that does not work. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ServerError } from '../api/client';
import { go } from '../app/route';
import { abandon, analyse, useSession, type By } from '../app/session';
import { useSettings } from '../app/settings';
import { askServer, useStatus } from '../app/status';
import { messageOf } from '../core/errors';
import { refusalOf } from '../ui/refusal';
import { Button, ButtonLink, Disclosure, Title } from '../ui/parts';

interface Failure {
  error: unknown;
  /** Whether a server is there that could be asked. */
  server: boolean;
}

/** Text for what stood in the way, and, where it is the photo, why. */
function textOf({ error, server }: Failure, by: By): string {
  const photo = refusalOf(error);
  if (photo) return `photo.${photo}`;
  if (by === 'server')
    return error instanceof ServerError && error.status === 401 ? 'analysing.key' : 'analysing.serverFailed';
  return server ? 'analysing.deviceFailed' : 'analysing.deviceFailedAlone';
}

/** What the person can do about it: the same file will be refused again, and so will a server that wants a key. */
function Ways({ text, again, by }: { text: string; again: (by: By) => void; by: By }) {
  const { t } = useTranslation();
  const refused = text.startsWith('photo.');
  return (
    <div className="grid gap-2">
      {!refused && text !== 'analysing.key' && (
        <Button look="main" onClick={() => again(by)}>
          {t('common.tryAgain')}
        </Button>
      )}
      {text === 'analysing.deviceFailed' && <Button onClick={() => again('server')}>{t('analysing.useServer')}</Button>}
      {text === 'photo.strip' && (
        <ButtonLink to="crop" look="main">
          {t('crop.title')}
        </ButtonLink>
      )}
      <ButtonLink to="home" look={refused && text !== 'photo.strip' ? 'main' : 'quiet'}>
        {t('crop.other')}
      </ButtonLink>
    </div>
  );
}

function Failed({ failure, by, again }: { failure: Failure; by: By; again: (by: By) => void }) {
  const { t } = useTranslation();
  const text = textOf(failure, by);
  const { online } = useStatus();
  const away = failure.error instanceof ServerError && failure.error.status === 0;
  const reason = away ? t(online ? 'status.serverDown' : 'status.offline') : messageOf(failure.error);
  return (
    <div className="card mx-auto grid max-w-lg gap-4" role="alert">
      <Title>{t('analysing.failed')}</Title>
      <p>{t(text, { reason })}</p>
      <Ways text={text} again={again} by={by} />
      <Disclosure title={t('analysing.detail')}>
        <p className="text-sm break-words text-muted" lang="en">
          {messageOf(failure.error)}
        </p>
      </Disclosure>
    </div>
  );
}

function Working({ url }: { url: string | null }) {
  const { t } = useTranslation();
  const { device, loaded } = useStatus();
  const { where } = useSettings();
  const loading = where === 'device' && device === 'loading';
  return (
    <div className="mx-auto grid max-w-md gap-6 py-8 text-center">
      <div className="relative mx-auto size-56 overflow-hidden rounded-full border-4 border-card shadow-lg">
        {url && <img src={url} alt="" className="size-full object-cover" />}
        <span
          aria-hidden="true"
          className="sweep absolute inset-x-0 top-0 block h-full bg-linear-to-b from-transparent via-white/45 to-transparent"
        />
      </div>
      <Title>{t('analysing.title')}</Title>
      <p role="status" className="text-muted">
        {loading ? t('analysing.loading', { percent: Math.round(loaded * 100) }) : t('analysing.working')}
      </p>
    </div>
  );
}

export default function AnalysingScreen() {
  const { photo, url } = useSession();
  const { where } = useSettings();
  const [by, setBy] = useState<By>(where);
  const [failure, setFailure] = useState<Failure | null>(null);
  const here = useRef(true);
  const run = useCallback((asked: By) => {
    setBy(asked);
    setFailure(null);
    const least = new Promise((resolve) => setTimeout(resolve, 700)); // shorter, it flickers
    Promise.all([analyse(asked), least]).then(
      ([result]) => result && here.current && go('result', [], true),
      async (error: unknown) => setFailure({ error, server: await askServer() }),
    );
  }, []);
  useEffect(() => {
    if (!photo) return go('home', [], true);
    here.current = true;
    run(where);
    return () => {
      here.current = false;
      abandon();
    };
    // the photo and the place stay as they were when the screen came up
  }, []);
  if (!photo) return null;
  return failure ? <Failed failure={failure} by={by} again={run} /> : <Working url={url} />;
}
