import { useTranslation } from 'react-i18next';
import { localeOf } from '../i18n';

/** Dates as the app's language writes them. */
export function useDates(): { day: (iso: string) => string; short: (iso: string) => string } {
  const { i18n } = useTranslation();
  const format =
    (options: Intl.DateTimeFormatOptions) =>
    (iso: string): string =>
      new Intl.DateTimeFormat(localeOf(i18n.language), options).format(new Date(iso));
  return { day: format({ dateStyle: 'long' }), short: format({ day: 'numeric', month: 'short', year: '2-digit' }) };
}
