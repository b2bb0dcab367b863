/** What is around every screen: the name, the state of network and model, and the way about. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { hrefOf, type Screen } from '../app/route';
import { useSettings } from '../app/settings';
import { clearUpdated, useStatus, type Status } from '../app/status';
import { useNewApp } from '../app/pwa';
import { Icon, type IconName } from './icons';
import { Button } from './parts';

const PLACES: [Screen, IconName][] = [
  ['home', 'spot'],
  ['history', 'history'],
  ['nearby', 'pin'],
  ['settings', 'settings'],
  ['about', 'info'],
];

const WITHIN: Partial<Record<Screen, Screen>> = {
  camera: 'home',
  crop: 'home',
  analysing: 'home',
  result: 'home',
  entry: 'history',
  spot: 'history',
  compare: 'history',
};

function Navigation({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const here = WITHIN[screen] ?? screen;
  return (
    <nav
      aria-label={t('nav.label')}
      className="fixed inset-x-0 bottom-0 z-30 border-t border-line bg-card pb-[env(safe-area-inset-bottom)] lg:static lg:border-0 lg:bg-transparent lg:pb-0"
    >
      <ul className="mx-auto flex max-w-xl justify-around lg:gap-1">
        {PLACES.map(([place, icon]) => (
          <li key={place} className="grow lg:grow-0">
            <a
              href={hrefOf(place)}
              aria-current={here === place ? 'page' : undefined}
              className="flex min-h-14 flex-col items-center justify-center gap-0.5 px-1 text-xs text-muted aria-[current]:font-semibold aria-[current]:text-accent lg:min-h-11 lg:flex-row lg:gap-2 lg:rounded-full lg:px-3.5 lg:text-base lg:hover:bg-sunk lg:aria-[current]:bg-sunk"
            >
              <Icon name={icon} className="size-6 lg:size-5" />
              {t(`nav.${place}`)}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The state of things in an icon and a few words. */
function stateOf(status: Status, where: 'device' | 'server'): [IconName, string] {
  if (status.device === 'loading' && where === 'device') return ['device', 'status.deviceLoading'];
  if (!status.online) return ['offline', status.device === 'ready' ? 'status.offlineReady' : 'status.offline'];
  if (where === 'server') {
    if (status.server === false)
      return ['warning', status.device === 'ready' ? 'status.serverDownDevice' : 'status.serverDown'];
    return ['server', 'status.server'];
  }
  return status.device === 'failed' ? ['warning', 'status.deviceFailed'] : ['device', 'status.device'];
}

function State() {
  const { t } = useTranslation();
  const status = useStatus();
  const [icon, key] = stateOf(status, useSettings().where);
  return (
    <p role="status" aria-label={t('status.label')} className="flex items-center gap-1.5 text-end text-sm text-muted">
      <Icon name={icon} className="size-4" />
      <span>{t(key, { percent: Math.round(status.loaded * 100) })}</span>
    </p>
  );
}

function Notices() {
  const { t } = useTranslation();
  const { updated } = useStatus();
  const newApp = useNewApp();
  return (
    <div role="status" className="mx-auto grid w-full max-w-5xl gap-2 px-4 empty:hidden">
      {updated && (
        <div className="card flex flex-wrap items-center justify-between gap-2 !py-2">
          {t('status.updated')}{' '}
          <Button look="quiet" onClick={clearUpdated}>
            {t('common.close')}
          </Button>
        </div>
      )}
      {newApp && (
        <div className="card flex flex-wrap items-center justify-between gap-2 !py-2">
          {t('status.newApp')}{' '}
          <Button look="quiet" onClick={newApp}>
            {t('status.reload')}
          </Button>
        </div>
      )}
    </div>
  );
}

export function Shell({ screen, children }: { screen: Screen; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
        className="sr-only focus:not-sr-only focus:fixed focus:start-3 focus:top-3 focus:z-50 focus:rounded-full focus:bg-card focus:px-4 focus:py-2"
      >
        {t('app.skip')}
      </a>
      <header className="mx-auto flex w-full max-w-5xl items-center justify-between gap-x-4 px-4 pt-[max(0.75rem,env(safe-area-inset-top))] pb-2 md:py-4">
        <a href={hrefOf('home')} className="flex min-h-11 items-center gap-2 font-serif text-2xl">
          <Icon name="spot" className="size-6 text-accent" /> {t('app.name')}
        </a>
        {screen !== 'welcome' && (
          <div className="hidden lg:block">
            <Navigation screen={screen} />
          </div>
        )}
        <State />
      </header>
      <Notices />
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-5xl grow px-4 pt-2 pb-28 lg:pb-12">
        {children}
      </main>
      {screen !== 'welcome' && (
        <div className="lg:hidden">
          <Navigation screen={screen} />
        </div>
      )}
    </div>
  );
}
