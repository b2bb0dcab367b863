/** Dialogs: Radix keeps the focus inside, and Escape closes them. */
import { useRef, type ReactNode } from 'react';
import { AlertDialog, Dialog } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import { Button, type Look } from './parts';

const VEIL = 'fade fixed inset-0 z-40 bg-black/50';
const SHEET =
  'rise fixed inset-x-0 bottom-0 z-50 mx-auto max-h-[92dvh] w-full max-w-lg overflow-y-auto rounded-t-3xl border ' +
  'border-line bg-card p-6 pb-[max(1.5rem,env(safe-area-inset-bottom))] sm:bottom-auto sm:top-[12dvh] sm:rounded-3xl';

/** Have the title of the screen that is shown take the focus. */
export function focusTitle(): void {
  document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
}

/** The focus goes back to where it came from, or to the title where that is gone; Radix does so for its own triggers. */
function useReturn(): { onOpenAutoFocus: () => void; onCloseAutoFocus: (event: Event) => void } {
  const from = useRef<Element | null>(null);
  return {
    onOpenAutoFocus: () => {
      from.current = document.activeElement;
    },
    onCloseAutoFocus: (event) => {
      event.preventDefault();
      if (from.current instanceof HTMLElement && from.current.isConnected) from.current.focus({ preventScroll: true });
      else focusTitle();
    },
  };
}

interface SheetProps {
  title: string;
  text: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}

export function Sheet({ title, text, open, onClose, children }: SheetProps) {
  const back = useReturn();
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={VEIL} />
        <Dialog.Content className={SHEET} {...back}>
          <Dialog.Title className="text-3xl">{title}</Dialog.Title>
          <Dialog.Description className="mt-1 text-muted">{text}</Dialog.Description>
          <div className="mt-4 grid gap-4">{children}</div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface AskProps {
  title: string;
  text: string;
  yes: string;
  look?: Look;
  open: boolean;
  onYes: () => void;
  onNo: () => void;
}

/** A question that has to be answered before something happens. */
export function Ask({ title, text, yes, look = 'main', open, onYes, onNo }: AskProps) {
  const { t } = useTranslation();
  const back = useReturn();
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && onNo()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={VEIL} />
        <AlertDialog.Content className={SHEET} {...back}>
          <AlertDialog.Title className="text-3xl">{title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2">{text}</AlertDialog.Description>
          <div className="mt-6 flex flex-wrap justify-end gap-3">
            <AlertDialog.Cancel asChild>
              <Button>{t('common.cancel')}</Button>
            </AlertDialog.Cancel>
            <AlertDialog.Action asChild>
              <Button look={look} onClick={onYes}>
                {yes}
              </Button>
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
