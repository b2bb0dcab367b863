import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { download } from '../app/download';
import type { Report } from '../history/report';
import { Button } from './parts';

/** Makes the report for a doctor on the device and hands it over. */
export function PdfButton({ report }: { report: Report }) {
  const { t, i18n } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const make = async (): Promise<void> => {
    setBusy(true);
    setFailed(false);
    try {
      const { reportOf } = await import('../history/report');
      download(await reportOf(report, t, i18n.language), `${t('pdf.file')}-${report.taken.slice(0, 10)}.pdf`);
    } catch {
      setFailed(true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button icon="document" disabled={busy} onClick={() => void make()}>
        {t(busy ? 'pdf.making' : 'result.pdf')}
      </Button>
      {failed && (
        <p role="alert" className="self-center text-high">
          {t('analysing.failed')}
        </p>
      )}
    </>
  );
}
