/** The language, each called as it calls itself. */
import { useTranslation } from 'react-i18next';
import { change, LANGUAGES, type Language } from '../app/settings';
import { NAMES } from '../i18n';

export function LanguageChoice() {
  const { t, i18n } = useTranslation();
  return (
    <select
      aria-label={t('settings.language')}
      className="field"
      value={i18n.language}
      onChange={(event) => change({ language: event.target.value as Language })}
    >
      {LANGUAGES.map((language) => (
        <option key={language} value={language} lang={language}>
          {NAMES[language]}
        </option>
      ))}
    </select>
  );
}
