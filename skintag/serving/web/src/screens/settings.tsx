/** Language, appearance, skin type, and where photos are looked at. */
import { useEffect, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CAMERAS, change, THEMES, useSettings } from '../app/settings';
import { askServer, lookForNewer, prepareDevice, useStatus } from '../app/status';
import { LanguageChoice } from '../ui/language-choice';
import { Button, Choices, Heading, Title } from '../ui/parts';
import { SkinChoice } from '../ui/skin-choice';

function Section({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <section className="card grid content-start gap-3">
      <div>
        <Heading>{title}</Heading>
        {text && <p className="text-muted">{text}</p>}
      </div>
      {children}
    </section>
  );
}

function Where() {
  const { t } = useTranslation();
  const { where } = useSettings();
  const { server, online } = useStatus();
  const none = online ? 'settings.serverNone' : 'status.offline';
  const away = server === false;
  useEffect(() => void askServer(), []);
  return (
    <Section title={t('settings.where')}>
      <Choices
        label={t('settings.where')}
        value={where}
        onChange={(next) => change({ where: next })}
        choices={[
          { value: 'device', label: t('settings.device'), text: t('settings.deviceText') },
          {
            value: 'server',
            label: t('settings.server'),
            text: t(away ? none : 'settings.serverText'),
            disabled: away && where === 'device',
          },
        ]}
      />
    </Section>
  );
}

function ModelSection() {
  const { t } = useTranslation();
  const { device: state, info, loaded } = useStatus();
  const [said, setSaid] = useState<string | null>(null);
  const look = (): void => {
    setSaid(null);
    lookForNewer().then(
      (newer) => setSaid(t(newer ? 'status.updated' : 'settings.modelNewest')),
      () => setSaid(t('settings.modelStays')),
    );
  };
  const text = info ? t(info.kept ? 'settings.modelKept' : 'settings.modelNotKept') : t('settings.modelNone');
  return (
    <Section title={t('settings.model')} text={text}>
      {info && (
        <p className="break-words">{t('result.bundle', { name: info.bundle.name, version: info.bundle.version })}</p>
      )}
      {state === 'ready' ? (
        <Button className="justify-self-start" onClick={look}>
          {t('settings.modelLook')}
        </Button>
      ) : (
        <Button
          className="justify-self-start"
          disabled={state === 'loading'}
          onClick={() => void prepareDevice().catch(() => undefined)}
        >
          {t(state === 'loading' ? 'status.deviceLoading' : 'settings.modelLoad', {
            percent: Math.round(loaded * 100),
          })}
        </Button>
      )}
      <p role="status" className="empty:hidden text-muted">
        {said ?? (state === 'failed' ? t('status.deviceFailed') : '')}
      </p>
    </Section>
  );
}

export default function SettingsScreen() {
  const { t } = useTranslation();
  const { theme, skin, camera } = useSettings();
  return (
    <div className="grid gap-5">
      <Title>{t('settings.title')}</Title>
      <div className="grid gap-4 lg:grid-cols-2 lg:items-start">
        <div className="grid gap-4">
          <Section title={t('settings.language')}>
            <LanguageChoice />
          </Section>
          <Section title={t('settings.theme')}>
            <Choices
              label={t('settings.theme')}
              value={theme}
              onChange={(next) => change({ theme: next })}
              className="sm:grid-cols-3"
              choices={THEMES.map((value) => ({ value, label: t(`settings.${value}`) }))}
            />
          </Section>
          <Where />
        </div>
        <div className="grid gap-4">
          <Section title={t('skin.label')} text={t('settings.skinText')}>
            <SkinChoice value={skin} onChange={(next) => change({ skin: next })} />
          </Section>
          <Section title={t('settings.camera')}>
            <Choices
              label={t('settings.camera')}
              value={camera}
              onChange={(next) => change({ camera: next })}
              choices={CAMERAS.map((value) => ({ value, label: t(`crop.${value}`) }))}
            />
          </Section>
          <ModelSection />
        </div>
      </div>
      <Button look="quiet" className="justify-self-start" onClick={() => change({ welcomed: false })}>
        {t('settings.again')}
      </Button>
    </div>
  );
}
