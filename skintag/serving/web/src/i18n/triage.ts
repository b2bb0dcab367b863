/** What a person is told of a result, in their language. */
import type { TFunction } from 'i18next';
import english from '../../../texts/en.json';
import { recommendation, type Texts } from '../core/parts';
import type { Analysis } from '../core/types';

export interface Said {
  text: string;
  /** The language that the text is in, where it is not the app's. */
  lang: 'en' | undefined;
}

/** The app's own texts in its language. */
export function textsOf(t: TFunction): Texts {
  const say = (key: string): string => t(key, { ns: 'triage' });
  return {
    advice: { LOW: say('advice.LOW'), MODERATE: say('advice.MODERATE'), HIGH: say('advice.HIGH') },
    inflammatory: say('inflammatory'),
    out_of_distribution: say('out_of_distribution'),
    disclaimer: say('disclaimer'),
  };
}

/** The bundle's own words where it has others than the app: an old bundle goes on saying what it said. */
function inLanguage(said: string, of: (texts: Texts) => string, t: TFunction, language: string): Said {
  if (language === 'en') return { text: said, lang: undefined };
  return said === of(english) ? { text: of(textsOf(t)), lang: undefined } : { text: said, lang: 'en' };
}

/** What to do. */
export function adviceOf(analysis: Analysis, t: TFunction, language: string): Said {
  const { tier, category, out_of_distribution: unlike } = analysis;
  const of = (texts: Texts): string => recommendation(texts, tier, category, unlike === true);
  return inLanguage(analysis.recommendation, of, t, language);
}

export function disclaimerOf(analysis: Analysis, t: TFunction, language: string): Said {
  return inLanguage(analysis.disclaimer, (texts) => texts.disclaimer, t, language);
}
