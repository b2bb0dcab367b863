/** Take, choose, drop or paste a photo. */
import { useEffect, useRef, useState, type ChangeEvent, type DragEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { go } from '../app/route';
import { take } from '../app/session';
import { useSettings } from '../app/settings';
import { Icon } from '../ui/icons';
import { ModelNote, useModelNote } from '../ui/model-note';
import { Button, ButtonLink, Heading, Title } from '../ui/parts';

function begin(photo: Blob): void {
  take(photo);
  go('crop');
}

/** The first picture among what was dropped or pasted, else the first file: its bytes tell what it is, not its name. */
export function pictureOf(files: Iterable<File> | null | undefined): File | null {
  const all = [...(files ?? [])];
  return all.find((file) => file.type.startsWith('image/')) ?? all[0] ?? null;
}

/** A picture out of the clipboard, which the browser asks the person about. */
async function pasted(): Promise<Blob | null> {
  for (const item of await navigator.clipboard.read()) {
    const kind = item.types.find((type) => type.startsWith('image/'));
    if (kind) return item.getType(kind);
  }
  return null;
}

function usePaste(onPicture: (photo: Blob | null) => void): void {
  useEffect(() => {
    const listen = (event: ClipboardEvent): void => onPicture(pictureOf(event.clipboardData?.files));
    addEventListener('paste', listen);
    return () => removeEventListener('paste', listen);
  }, [onPicture]);
}

/** Whether something is being dragged over the window, which takes pictures that are let go. */
function useDrop(onPicture: (photo: Blob | null) => void): [boolean, Record<string, (event: DragEvent) => void>] {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const stay = (event: Event): void => event.preventDefault(); // let go beside it, the browser would open the file
    addEventListener('dragover', stay);
    addEventListener('drop', stay);
    return () => {
      removeEventListener('dragover', stay);
      removeEventListener('drop', stay);
    };
  }, []);
  const handlers = {
    onDragOver: (event: DragEvent) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
    },
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      onPicture(pictureOf(event.dataTransfer.files));
    },
  };
  return [over, handlers];
}

function Tips() {
  const { t } = useTranslation();
  const tips = [
    ['sun', 'tip1'],
    ['spot', 'tip2'],
    ['check', 'tip3'],
  ] as const;
  return (
    <section className="grid gap-3">
      <Heading>{t('home.tips')}</Heading>
      <ul className="grid gap-3 sm:grid-cols-3 lg:grid-cols-1">
        {tips.map(([icon, key]) => (
          <li key={key} className="flex items-center gap-3">
            <span className="grid size-10 shrink-0 place-items-center rounded-full bg-sunk text-accent">
              <Icon name={icon} />
            </span>
            {t(`home.${key}`)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Where() {
  const { t } = useTranslation();
  const onDevice = useSettings().where === 'device';
  return (
    <p className="text-sm text-balance text-muted">
      <Icon name={onDevice ? 'lock' : 'server'} className="me-1 inline size-4 align-[-0.15em]" />{' '}
      {t(onDevice ? 'home.private' : 'home.serverNote')}
    </p>
  );
}

function Chooser({ onPicture }: { onPicture: (photo: Blob | null) => void }) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const chosen = (event: ChangeEvent<HTMLInputElement>): void => onPicture(event.target.files?.[0] ?? null);
  return (
    <div className="mx-auto grid w-full max-w-sm gap-3">
      <ButtonLink to="camera" look="main" icon="camera">
        {t('home.camera')}
      </ButtonLink>
      <Button icon="photo" onClick={() => input.current?.click()}>
        {t('home.choose')}
      </Button>
      <input
        ref={input}
        type="file"
        accept="image/*,.heic,.heif,.tif,.tiff"
        className="hidden"
        aria-label={t('home.choose')}
        onChange={chosen}
        data-testid="file"
      />
      {'clipboard' in navigator && 'read' in navigator.clipboard && (
        <Button look="quiet" icon="paste" onClick={() => void pasted().then(onPicture, () => onPicture(null))}>
          {t('home.paste')}
        </Button>
      )}
    </div>
  );
}

export function HomeScreen() {
  const { t } = useTranslation();
  const [problem, setProblem] = useState(false);
  const [onPicture] = useState(
    () =>
      (photo: Blob | null): void =>
        photo ? begin(photo) : setProblem(true),
  );
  usePaste(onPicture);
  const [over, handlers] = useDrop(onPicture);
  const note = useModelNote();
  return (
    <div {...handlers} className="grid gap-8 md:py-4 lg:grid-cols-[1fr_20rem] lg:items-center lg:gap-12">
      <ModelNote note={note} className="-mb-4 lg:col-span-2" />
      <section
        className={`rise grid gap-6 rounded-[2rem] border-2 border-dashed px-4 py-8 text-center md:py-14 ${over ? 'border-accent bg-sunk' : 'border-line bg-card'}`}
      >
        <span
          aria-hidden="true"
          className="breathe relative mx-auto grid size-24 place-items-center rounded-full bg-sunk text-accent"
        >
          <Icon name="spot" className="size-14" />
        </span>
        <div className="grid gap-2">
          <Title>{t('home.title')}</Title>
          <p className="mx-auto max-w-md text-balance text-muted">{t('home.text')}</p>
        </div>
        <Chooser onPicture={onPicture} />
        <p role="status" className={`text-sm text-muted ${problem || over ? '' : 'pointer-coarse:hidden'}`}>
          {t(problem ? 'home.noImage' : over ? 'home.dropNow' : 'home.drop')}
        </p>
        <Where />
      </section>
      <Tips />
    </div>
  );
}
