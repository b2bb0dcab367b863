/** The photo that was looked at, and over it where the model looked. */
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { placeOf, strengths } from '../core/heat';
import type { LogitMap } from '../core/types';
import { useUrl } from './use-url';
import { Toggle } from './parts';

const WARM = [214, 64, 18] as const;

/** One pixel a position, warm and the stronger the less transparent; the browser's scaling smooths it. */
function draw(canvas: HTMLCanvasElement, map: LogitMap): void {
  const strong = strengths(map);
  const context = canvas.getContext('2d');
  if (!strong || !context) return;
  const image = context.createImageData(map.width, map.height);
  strong.forEach((value, i) => image.data.set([...WARM, Math.round(value ** 1.5 * 165)], 4 * i));
  context.putImageData(image, 0, 0);
}

function Overlay({ map }: { map: LogitMap }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (ref.current) draw(ref.current, map);
  }, [map]);
  return (
    <canvas
      ref={ref}
      width={map.width}
      height={map.height}
      aria-hidden="true"
      data-testid="map"
      className="fade pointer-events-none absolute inset-0 size-full"
    />
  );
}

export function PhotoMap({ view, map }: { view: Blob; map: LogitMap | null }) {
  const { t } = useTranslation();
  const url = useUrl(view);
  const [shown, setShown] = useState(false);
  const place = map && placeOf(map);
  const [ratio, setRatio] = useState(1);
  return (
    <figure className="card overflow-hidden !p-0">
      <div className="bg-sunk">
        <div className="relative mx-auto" style={{ aspectRatio: ratio, width: `min(100%, ${26 * ratio}rem)` }}>
          {url && (
            <img
              src={url}
              alt={t('result.photo')}
              className="block size-full" // a small part of a photo as large as a large one
              onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setRatio(naturalWidth / naturalHeight)}
            />
          )}
          {shown && map && <Overlay map={map} />}
        </div>
      </div>
      {map && (
        <figcaption className="grid gap-1 px-5 py-3">
          <Toggle label={t('result.map')} checked={shown} onChange={setShown} />
          {shown && (
            <p className="text-sm text-muted">
              {t('result.mapText')}{' '}
              {place ? t('result.mapPlace', { place: t(`result.place.${place}`) }) : t('result.mapFlat')}
            </p>
          )}
        </figcaption>
      )}
    </figure>
  );
}
