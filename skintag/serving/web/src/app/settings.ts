/** What the person chose, kept on the device alone. */
import { useSyncExternalStore } from 'react';
import { isObject } from '../core/json';

export const LANGUAGES = ['en', 'es', 'pt', 'hi'] as const;
export type Language = (typeof LANGUAGES)[number];
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
export const SKIN_TYPES = ['I-II', 'III-IV', 'V-VI'] as const;
export type SkinType = (typeof SKIN_TYPES)[number];
export const CAMERAS = ['smartphone', 'clinical', 'dermoscopic'] as const;
export type CameraKind = (typeof CAMERAS)[number];

export interface Settings {
  /** Whether the introduction was gone through. */
  welcomed: boolean;
  language: Language | null;
  theme: Theme;
  /** null: not said. */
  skin: SkinType | null;
  camera: CameraKind;
  /** Where photos are looked at. */
  where: 'device' | 'server';
}

const KEY = 'skintag-settings';
const DEFAULTS: Settings = {
  welcomed: false,
  language: null,
  theme: 'system',
  skin: null,
  camera: 'smartphone',
  where: 'device',
};

function pick<T>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.includes(value as T) ? (value as T) : otherwise;
}

/** Settings out of what was stored; whatever does not fit counts as not set. */
export function parseSettings(stored: string | null): Settings {
  let said: unknown = null;
  try {
    said = JSON.parse(stored ?? 'null');
  } catch {
    /* not JSON: nothing was set */
  }
  if (!isObject(said)) return DEFAULTS;
  return {
    welcomed: said.welcomed === true,
    language: pick(said.language, [...LANGUAGES, null], null),
    theme: pick(said.theme, THEMES, 'system'),
    skin: pick(said.skin, [...SKIN_TYPES, null], null),
    camera: pick(said.camera, CAMERAS, 'smartphone'),
    where: pick(said.where, ['device', 'server'] as const, 'device'),
  };
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is forbidden: settings last as long as the page
  }
}

let current = parseSettings(stored());
const listeners = new Set<() => void>();

export function settings(): Settings {
  return current;
}

export function change(changes: Partial<Settings>): void {
  current = { ...current, ...changes };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    /* full or forbidden */
  }
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSettings(): Settings {
  return useSyncExternalStore(subscribe, settings);
}

/** Show the chosen theme; `system` leaves it to the style sheet's media query. */
export function showTheme(): void {
  const { theme } = current;
  if (theme === 'system') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.setAttribute('data-theme', theme);
}
