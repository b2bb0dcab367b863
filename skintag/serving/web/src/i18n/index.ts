/** Languages: English is in the app, the others are loaded when they are chosen, and all are kept for flight mode. */
import i18next, { type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import { LANGUAGES, settings, subscribe, type Language } from '../app/settings';
import texts from '../../../texts/en.json';
import en from './locales/en.json';

export type Triage = typeof texts;

const LOADERS: Record<Exclude<Language, 'en'>, () => Promise<[{ default: unknown }, { default: unknown }]>> = {
  es: () => Promise.all([import('./locales/es.json'), import('../../../texts/es.json')]),
  pt: () => Promise.all([import('./locales/pt.json'), import('../../../texts/pt.json')]),
  hi: () => Promise.all([import('./locales/hi.json'), import('../../../texts/hi.json')]),
};

/** Names of the languages in themselves. */
export const NAMES: Record<Language, string> = { en: 'English', es: 'Español', pt: 'Português', hi: 'हिन्दी' };
const RIGHT_TO_LEFT = ['ar', 'fa', 'he', 'ur'];

/** The chosen language, else the first of the browser's that there is, else English. */
export function languageOf(chosen: Language | null, wanted: readonly string[]): Language {
  if (chosen) return chosen;
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase());
  return (known.find((tag) => (LANGUAGES as readonly string[]).includes(tag)) as Language | undefined) ?? 'en';
}

/** The browser's own kind of a language, e.g. en-US, for dates and numbers; British English where it has none. */
export function localeOf(language: string, wanted: readonly string[] = navigator.languages): string {
  const own = wanted.find((tag) => tag.slice(0, 2).toLowerCase() === language);
  return own ?? (language === 'en' ? 'en-GB' : language);
}

async function use(made: i18n, language: Language): Promise<void> {
  if (language !== 'en' && !made.hasResourceBundle(language, 'translation')) {
    const [ui, triage] = await LOADERS[language]();
    made.addResourceBundle(language, 'translation', ui.default);
    made.addResourceBundle(language, 'triage', triage.default);
  }
  if (made.language !== language) await made.changeLanguage(language);
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr';
}

/** Start in the language of the settings, and follow them. */
export async function startLanguages(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    ns: ['translation', 'triage'],
    resources: { en: { translation: en, triage: texts } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  const follow = (): Promise<void> =>
    use(i18next, languageOf(settings().language, navigator.languages)).catch(() => undefined);
  subscribe(() => void follow());
  await follow();
}
