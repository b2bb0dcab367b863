/** The live view, with a ring to frame the spot in and a hint on what would make the photo better. */
import { useEffect, useState, type RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { go } from '../app/route';
import { take } from '../app/session';
import { blobOf } from '../app/view';
import { hintOf, measureFrame, type Hint } from '../camera/measure';
import { useCamera, type Camera } from '../camera/stream';
import { Icon } from '../ui/icons';
import { Button, ButtonLink, Title } from '../ui/parts';

const SIDE = 96; // of the small picture that hints are made of
const EVERY = 350; // milliseconds
const RING = 0.62; // of the shorter side

/** The square around the ring, in the video's own pixels. */
export function ringOf(width: number, height: number): { left: number; top: number; side: number } {
  const side = Math.min(width, height) * RING;
  return { left: (width - side) / 2, top: (height - side) / 2, side };
}

function useHint(video: RefObject<HTMLVideoElement | null>, ready: boolean): Hint {
  const [hint, setHint] = useState<Hint>('looking');
  useEffect(() => {
    if (!ready) return;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    let before: Hint = 'looking';
    const timer = setInterval(() => {
      const view = video.current;
      if (!view?.videoWidth || !context) return;
      const { left, top, side } = ringOf(view.videoWidth, view.videoHeight);
      context.drawImage(view, left, top, side, side, 0, 0, SIDE, SIDE);
      const now = hintOf(measureFrame(context.getImageData(0, 0, SIDE, SIDE).data, SIDE));
      if (now === before) setHint(now); // twice in a row, or the words flicker
      before = now;
    }, EVERY);
    return () => clearInterval(timer);
  }, [video, ready]);
  return hint;
}

async function shoot(video: HTMLVideoElement): Promise<void> {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  take(await blobOf(canvas, 0.95));
  go('crop', [], true);
}

function Ring({ good }: { good: boolean }) {
  return (
    <div aria-hidden="true" className="pointer-events-none absolute inset-0 grid place-items-center">
      <div
        className={`aspect-square h-[62%] rounded-full border-4 shadow-[0_0_0_200vmax_rgb(0_0_0/0.35)] transition-colors ${good ? 'border-[#9fe3b4]' : 'border-white'}`}
      />
    </div>
  );
}

function View({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const { video, ready, facing, flip, torch, light } = camera;
  const hint = useHint(video, ready);
  return (
    <>
      <div className="relative mx-auto aspect-[3/4] max-h-[62dvh] w-full max-w-xl overflow-hidden rounded-3xl bg-black sm:aspect-[4/3]">
        <video
          ref={video}
          muted
          playsInline
          className={`size-full object-cover ${facing === 'user' ? '-scale-x-100' : ''}`}
          aria-label={t('camera.title')}
        />
        {ready && <Ring good={hint === 'good'} />}
        <p
          role="status"
          data-testid="hint"
          data-hint={ready ? hint : 'asking'}
          className="absolute inset-x-0 top-3 mx-auto flex w-fit items-center gap-2 rounded-full bg-black/75 px-4 py-2 font-semibold text-white"
        >
          <Icon name={hint === 'good' ? 'check' : 'info'} /> {t(ready ? `camera.${hint}` : 'camera.asking')}
        </p>
      </div>
      <div className="flex flex-wrap items-center justify-center gap-3">
        <Button icon="flip" aria-label={t('camera.flip')} onClick={flip} />
        <Button
          look="main"
          icon="camera"
          disabled={!ready}
          onClick={() => video.current && void shoot(video.current).catch(() => undefined)}
        >
          {t('camera.take')}
        </Button>
        {torch !== null && (
          <Button icon="torch" aria-pressed={torch} onClick={() => light(!torch)}>
            {t('camera.torch')}
          </Button>
        )}
      </div>
    </>
  );
}

export default function CameraScreen() {
  const { t } = useTranslation();
  const camera = useCamera();
  return (
    <section className="grid gap-4 text-center">
      <Title>{t('camera.title')}</Title>
      {camera.problem ? (
        <div role="alert" className="card mx-auto grid max-w-md gap-4">
          <p>{t(`camera.${camera.problem}`)}</p>
          <ButtonLink to="home" look="main">
            {t('home.choose')}
          </ButtonLink>
        </div>
      ) : (
        <>
          <p className="text-muted">{t('camera.guide')}</p>
          <View camera={camera} />
        </>
      )}
    </section>
  );
}
