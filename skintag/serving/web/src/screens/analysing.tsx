/** The moment in which the photo is looked at, and what is said where that does not work. */
import { useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ServerError } from '../api/client';
import { go } from '../app/route';
import { analyse, useSession, type By } from '../app/session';
import { useSettings } from '../app/settings';
import { askServer, useStatus } from '../app/status';
import { messageOf } from '../core/errors';
import { Button, ButtonLink, Disclosure, Title } from '../ui/parts';

interface Failure {
  error: unknown;
  /** Whether a server is there that could be asked. */
  server: boolean;
}

function textOf({ error, server }: Failure, by: By): string {
  if (error instanceof Error && error.name === 'PhotoError') return 'analysing.photo';
  if (by === 'server') return 'analysing.serverFailed';
  return server ? 'analysing.deviceFailed' : 'analysing.deviceFailedAlone';
}

function Failed({ failure, by, again }: { failure: Failure; by: By; again: (by: By) => void }) {
  const { t } = useTranslation();
  const key = textOf(failure, by);
  const reason =
    failure.error instanceof ServerError && failure.error.status === 0
      ? t('status.serverDown')
      : messageOf(failure.error);
  return (
    <div className="card mx-auto grid max-w-lg gap-4" role="alert">
      <Title>{t('analysing.failed')}</Title>
      <p>{t(key, { reason })}</p>
      <div className="grid gap-2">
        <Button look="main" onClick={() => again(by)}>
          {t('common.tryAgain')}
        </Button>
        {key === 'analysing.deviceFailed' && (
          <Button onClick={() => again('server')}>{t('analysing.useServer')}</Button>
        )}
        <ButtonLink to="home" look="quiet">
          {t('crop.other')}
        </ButtonLink>
      </div>
      <Disclosure title={t('analysing.detail')}>
        <p className="text-sm break-words text-muted" lang="en">
          {messageOf(failure.error)}
        </p>
      </Disclosure>
    </div>
  );
}

function Working({ url }: { url: string }) {
  const { t } = useTranslation();
  const { device, loaded } = useStatus();
  const { where } = useSettings();
  const loading = where === 'device' && device === 'loading';
  return (
    <div className="mx-auto grid max-w-md gap-6 py-8 text-center">
      <div className="relative mx-auto size-56 overflow-hidden rounded-full border-4 border-card shadow-lg">
        <img src={url} alt="" className="size-full object-cover" />
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
  const { url } = useSession();
  const { where } = useSettings();
  const [by, setBy] = useState<By>(where);
  const [failure, setFailure] = useState<Failure | null>(null);
  const run = useCallback((asked: By) => {
    let left = false;
    setBy(asked);
    setFailure(null);
    const least = new Promise((resolve) => setTimeout(resolve, 700)); // shorter, it flickers
    Promise.all([analyse(asked), least]).then(
      () => !left && go('result', [], true),
      async (error: unknown) => {
        const server = await askServer();
        if (!left) setFailure({ error, server });
      },
    );
    return () => {
      left = true;
    };
  }, []);
  useEffect(() => {
    if (!url) return go('home', [], true);
    return run(where);
    // the photo and the place stay as they were when the screen came up
  }, []);
  if (!url) return null;
  return failure ? <Failed failure={failure} by={by} again={run} /> : <Working url={url} />;
}
