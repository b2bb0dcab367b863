/** Frame the spot: the square that is looked at. */
import { useEffect, useState, type ReactNode } from 'react';
import Cropper, { type Area, type Point } from 'react-easy-crop';
import 'react-easy-crop/react-easy-crop.css';
import { useTranslation } from 'react-i18next';
import { go } from '../app/route';
import { crop as setCrop, useSession } from '../app/session';
import { CAMERAS, change, useSettings, type CameraKind } from '../app/settings';
import type { Crop } from '../core/types';
import { localeOf } from '../i18n';
import { Button, ButtonLink, Range, Title } from '../ui/parts';
import { refusalIn } from '../ui/refusal';

/** A part in percent, as the cropper gives it, in fractions that lie within the picture. */
export function fractionsOf(area: Area): Crop {
  const within = (value: number, most: number): number => Math.min(Math.max(value / 100, 0), most);
  const [x, y] = [within(area.x, 1), within(area.y, 1)];
  return { x, y, width: within(area.width, 1 - x), height: within(area.height, 1 - y) };
}

/** What the server decodes, and most browsers do not. */
const SERVER_ONLY = ['TIFF', 'HEIC'];

function begin(part: Crop | null): void {
  setCrop(part);
  go('analysing', [], true);
}

function CameraField() {
  const { t } = useTranslation();
  const { camera } = useSettings();
  return (
    <label className="flex items-center gap-4 text-sm text-muted">
      {t('crop.where')}
      <select
        className="field min-w-0 grow"
        value={camera}
        onChange={(event) => change({ camera: event.target.value as CameraKind })}
      >
        {CAMERAS.map((kind) => (
          <option key={kind} value={kind}>
            {t(`crop.${kind}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What is said in place of the frame. */
function Instead({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className="card mx-auto grid max-w-md gap-4 text-center">
      <Title>{title}</Title>
      <p>{text}</p>
      {children}
      <ButtonLink to="home" look={children ? 'quiet' : 'main'}>
        {t('crop.other')}
      </ButtonLink>
    </div>
  );
}

/** A photo that the browser cannot decode: where the server was chosen it is sent whole, and the person is told so. */
function Blind({ format }: { format: string }) {
  const { t } = useTranslation();
  const { where } = useSettings();
  if (where === 'device') {
    const text = t(SERVER_ONLY.includes(format) ? 'photo.noShow' : 'photo.unreadable', { format });
    return <Instead title={t('analysing.failed')} text={text} />;
  }
  return (
    <Instead title={t('photo.blindTitle')} text={t('photo.blind', { format })}>
      <Button look="main" onClick={() => begin(null)}>
        {t('photo.sendWhole')}
      </Button>
      <CameraField />
    </Instead>
  );
}

function Frame({ url, onFail }: { url: string; onFail: () => void }) {
  const { t, i18n } = useTranslation();
  const [at, setAt] = useState<Point>({ x: 0, y: 0 });
  const [zoom, setZoom] = useState(1);
  const [area, setArea] = useState<Area | null>(null);
  return (
    <div className="grid gap-5 lg:grid-cols-[1fr_22rem]">
      <div className="relative h-[min(38dvh,36rem)] lg:h-[min(66dvh,36rem)] overflow-hidden rounded-3xl bg-sunk">
        <Cropper
          image={url}
          crop={at}
          zoom={zoom}
          aspect={1}
          minZoom={1}
          maxZoom={6}
          keyboardStep={8}
          showGrid={false}
          onCropChange={setAt}
          onZoomChange={setZoom}
          onCropAreaChange={setArea}
          disableAutomaticStylesInjection
          mediaProps={{ onError: onFail, alt: '' }}
          cropperProps={{ 'aria-label': t('crop.area'), role: 'application' }}
        />
      </div>
      <div className="grid content-start gap-2 lg:gap-4">
        <p className="text-muted">{t('crop.text')}</p>
        <div className="flex items-center gap-4">
          <span className="text-sm text-muted">{t('crop.zoom')}</span>
          <Range
            label={t('crop.zoom')}
            value={zoom}
            min={1}
            max={6}
            step={0.1}
            onChange={setZoom}
            valueText={`${new Intl.NumberFormat(localeOf(i18n.language), { maximumFractionDigits: 1 }).format(zoom)} ×`}
          />
        </div>
        <CameraField />
        <Button look="main" disabled={!area} onClick={() => area && begin(fractionsOf(area))}>
          {t('crop.go')}
        </Button>
        <div className="flex flex-wrap justify-center gap-2">
          <Button look="quiet" onClick={() => begin(null)}>
            {t('crop.whole')}
          </Button>
          <ButtonLink to="home" look="quiet">
            {t('crop.other')}
          </ButtonLink>
        </div>
      </div>
    </div>
  );
}

export default function CropScreen() {
  const { t } = useTranslation();
  const { photo, url, format, problem } = useSession();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!photo) go('home', [], true);
  }, [photo]);
  if (!photo) return null;
  if (problem) return <Instead title={t('analysing.failed')} text={t(`photo.${refusalIn(problem)}`)} />;
  if (failed) return <Blind format={format ?? ''} />;
  return (
    <section className="grid gap-5">
      <Title>{t('crop.title')}</Title>
      {url ? (
        <Frame url={url} onFail={() => setFailed(true)} />
      ) : (
        <p className="py-16 text-center text-muted">{t('app.loading')}</p>
      )}
    </section>
  );
}
