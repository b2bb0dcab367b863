/** The introduction: what this is, what it is not, where photos go, and, if one likes, the skin type. */
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { change, useSettings } from '../app/settings';
import { go } from '../app/route';
import { SkinChoice } from '../ui/skin-choice';
import { Icon, type IconName } from '../ui/icons';
import { Button, Title } from '../ui/parts';
import { LanguageChoice } from '../ui/language-choice';

const ICONS: IconName[] = ['spot', 'eye', 'lock', 'sun'];

function Text({ step }: { step: number }): ReactNode {
  const { t } = useTranslation();
  const { skin } = useSettings();
  return (
    <>
      <p className="text-lg text-muted">{t(`welcome.text${step}`)}</p>
      {step === 1 && (
        <div className="mx-auto mt-5 max-w-60">
          <LanguageChoice />
        </div>
      )}
      {step === 2 && (
        <ul className="mt-4 grid gap-2 text-start">
          {[1, 2, 3].map((point) => (
            <li key={point} className="flex gap-3">
              <Icon name="info" className="mt-1 size-5 text-accent" />
              {t(`welcome.point${point}`)}
            </li>
          ))}
        </ul>
      )}
      {step === 4 && (
        <div className="mt-5 text-start">
          <SkinChoice value={skin} onChange={(next) => change({ skin: next })} />
        </div>
      )}
    </>
  );
}

export function WelcomeScreen() {
  const { t } = useTranslation();
  const [step, setStep] = useState(1);
  const next = (): void => {
    if (step < ICONS.length) return setStep(step + 1);
    change({ welcomed: true });
    go('home', [], true);
  };
  return (
    <section key={step} className="rise mx-auto flex min-h-[70dvh] max-w-lg flex-col justify-center gap-5 text-center">
      <span className="mx-auto grid size-24 place-items-center rounded-full bg-sunk text-accent">
        <Icon name={ICONS[step - 1]!} className="size-11" />
      </span>
      <Title>{t(`welcome.title${step}`)}</Title>
      <div>
        <Text step={step} />
      </div>
      <div className="flex items-center justify-center gap-3">
        {step > 1 && (
          <Button look="quiet" icon="back" onClick={() => setStep(step - 1)}>
            {t('common.back')}
          </Button>
        )}
        <Button look="main" className="min-w-40" onClick={next}>
          {t(step === 2 ? 'welcome.understood' : step === ICONS.length ? 'welcome.start' : 'common.next')}
        </Button>
      </div>
      <p className="flex items-center justify-center gap-2 text-sm text-muted">
        <span className="sr-only">{t('welcome.step', { n: step, of: ICONS.length })}</span>
        {ICONS.map((icon, i) => (
          <span
            key={icon}
            aria-hidden="true"
            className={`h-2 rounded-full ${i === step - 1 ? 'w-6 bg-accent' : 'w-2 bg-edge'}`}
          />
        ))}
      </p>
    </section>
  );
}
