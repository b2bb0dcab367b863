/** Where in the app the person is: the part of the address after `#`, so that any host and sub-path does. */
import { useSyncExternalStore } from 'react';

export type Screen =
  | 'home'
  | 'welcome'
  | 'camera'
  | 'crop'
  | 'analysing'
  | 'result'
  | 'history'
  | 'entry'
  | 'spot'
  | 'compare'
  | 'nearby'
  | 'settings'
  | 'about';

const SCREENS: readonly Screen[] = [
  'home',
  'welcome',
  'camera',
  'crop',
  'analysing',
  'result',
  'history',
  'entry',
  'spot',
  'compare',
  'nearby',
  'settings',
  'about',
];

export interface Route {
  screen: Screen;
  /** What follows the screen, e.g. an entry's id. */
  rest: string[];
}

/** The route of an address's hash; what is not known is home. */
export function parseRoute(hash: string): Route {
  const [name = '', ...rest] = hash.replace(/^#\/?/, '').split('/').map(decoded);
  const screen = SCREENS.find((known) => known === name) ?? 'home';
  return { screen, rest };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

export function hrefOf(screen: Screen, ...rest: string[]): string {
  return `#/${[screen, ...rest].map(encodeURIComponent).join('/')}`;
}

/** Go to a screen; `replace` leaves the present one out of the way back. */
export function go(screen: Screen, rest: string[] = [], replace = false): void {
  const href = hrefOf(screen, ...rest);
  if (!replace) {
    location.hash = href;
    return;
  }
  history.replaceState(null, '', href);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => location.hash));
}
