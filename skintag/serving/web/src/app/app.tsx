/** The app: one screen at a time, those beyond the first loaded when they are gone to. */
import { Component, lazy, Suspense, useEffect, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { HomeScreen } from '../screens/home';
import { WelcomeScreen } from '../screens/welcome';
import { Button } from '../ui/parts';
import { Shell } from '../ui/shell';
import { useRoute, type Route } from './route';
import { useSettings } from './settings';
import { prepareDevice, updateDevice } from './status';

const CameraScreen = lazy(() => import('../screens/camera'));
const CropScreen = lazy(() => import('../screens/crop'));
const AnalysingScreen = lazy(() => import('../screens/analysing'));
const ResultScreen = lazy(() => import('../screens/result'));
const HistoryScreen = lazy(() => import('../screens/history'));
const EntryScreen = lazy(() => import('../screens/entry'));
const SpotScreen = lazy(() => import('../screens/spot'));
const CompareScreen = lazy(() => import('../screens/compare'));
const NearbyScreen = lazy(() => import('../screens/nearby'));
const SettingsScreen = lazy(() => import('../screens/settings'));
const AboutScreen = lazy(() => import('../screens/about'));

function screenOf({ screen, rest }: Route): ReactNode {
  switch (screen) {
    case 'welcome':
      return <WelcomeScreen />;
    case 'camera':
      return <CameraScreen />;
    case 'crop':
      return <CropScreen />;
    case 'analysing':
      return <AnalysingScreen />;
    case 'result':
      return <ResultScreen />;
    case 'history':
      return <HistoryScreen />;
    case 'entry':
      return <EntryScreen id={rest[0] ?? ''} />;
    case 'spot':
      return <SpotScreen id={rest[0] ?? ''} />;
    case 'compare':
      return <CompareScreen before={rest[0] ?? ''} after={rest[1] ?? ''} />;
    case 'nearby':
      return <NearbyScreen />;
    case 'settings':
      return <SettingsScreen />;
    case 'about':
      return <AboutScreen />;
    default:
      return <HomeScreen />;
  }
}

/** What is shown where a screen throws, in place of an empty page. */
class Catch extends Component<{ fallback: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}

function Stumbled() {
  const { t } = useTranslation();
  return (
    <div className="card mx-auto max-w-lg text-center">
      <h1 className="text-3xl">{t('error.title')}</h1>
      <p className="my-3">{t('error.text')}</p>
      <Button look="main" onClick={() => location.reload()}>
        {t('error.reload')}
      </Button>
    </div>
  );
}

/** Fetch the model, and look for a newer one, when the page has settled; photos need it soon. */
function useModel(wanted: boolean): void {
  useEffect(() => {
    if (!wanted) return;
    const timer = setTimeout(() => {
      prepareDevice().then(updateDevice, () => undefined);
    }, 1500);
    return () => clearTimeout(timer);
  }, [wanted]);
}

export function App() {
  const { t } = useTranslation();
  const route = useRoute();
  const { welcomed, where } = useSettings();
  const shown: Route = welcomed ? route : { screen: 'welcome', rest: [] };
  const key = [shown.screen, ...shown.rest].join('/');
  useModel(welcomed && where === 'device');
  useEffect(() => {
    window.scrollTo(0, 0); // without the braces its promise, where it gives one, would be taken for a clean-up
  }, [key]);
  return (
    <Shell screen={shown.screen}>
      <Catch key={key} fallback={<Stumbled />}>
        <Suspense fallback={<p className="py-16 text-center text-muted">{t('app.loading')}</p>}>
          {screenOf(shown)}
        </Suspense>
      </Catch>
    </Shell>
  );
}
