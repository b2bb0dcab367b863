/** Dialogs: Radix keeps the focus inside, and Escape closes them. */
import type { ReactNode } from 'react';
import { AlertDialog, Dialog } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import { Button, type Look } from './parts';

const VEIL = 'fade fixed inset-0 z-40 bg-black/50';
const SHEET =
  'rise fixed inset-x-0 bottom-0 z-50 mx-auto max-h-[92dvh] w-full max-w-lg overflow-y-auto rounded-t-3xl border ' +
  'border-line bg-card p-6 pb-[max(1.5rem,env(safe-area-inset-bottom))] sm:bottom-auto sm:top-[12dvh] sm:rounded-3xl';

interface SheetProps {
  title: string;
  text: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}

export function Sheet({ title, text, open, onClose, children }: SheetProps) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={VEIL} />
        <Dialog.Content className={SHEET}>
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
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && onNo()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={VEIL} />
        <AlertDialog.Content className={SHEET}>
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
