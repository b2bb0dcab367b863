/** What the model says of the photo. What is plainly no skin is refused kindly first. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { go } from '../app/route';
import { useSession, type Result } from '../app/session';
import { useUrl } from '../ui/use-url';
import { Button, ButtonLink, Title } from '../ui/parts';
import { KeepSheet } from '../ui/keep-sheet';
import { ModelNote } from '../ui/model-note';
import { PdfButton } from '../ui/pdf-button';
import { ResultView } from '../ui/result-view';

function Unlike({ view, note, onAnyway }: { view: Blob; note: string; onAnyway: () => void }) {
  const { t } = useTranslation();
  const url = useUrl(view);
  return (
    <section className="card rise mx-auto grid max-w-lg gap-4 text-center" data-testid="unlike">
      {url && <img src={url} alt={t('result.photo')} className="mx-auto size-40 rounded-full object-cover" />}
      <Title className="!text-3xl">{t('unlike.title')}</Title>
      <p>{t('unlike.text')}</p>
      <ModelNote note={note} />
      <div className="grid gap-2">
        <ButtonLink to="home" look="main">
          {t('unlike.again')}
        </ButtonLink>
        <Button look="quiet" onClick={onAnyway}>
          {t('unlike.anyway')}
        </Button>
      </div>
    </section>
  );
}

function Actions({ result, kept }: { result: Result; kept: string | null }) {
  const { t } = useTranslation();
  const [keeping, setKeeping] = useState(false);
  const bounds = result.info ? { low: result.info.low, high: result.info.high } : null;
  return (
    <div className="flex flex-wrap gap-2">
      {kept ? (
        <ButtonLink to="entry" rest={[kept]} icon="check">
          {t('result.kept')}
        </ButtonLink>
      ) : (
        <Button look="main" icon="bookmark" onClick={() => setKeeping(true)}>
          {t('result.keep')}
        </Button>
      )}
      <PdfButton
        report={{
          analysis: result.analysis,
          view: result.view,
          bounds,
          taken: new Date().toISOString(),
          note: '',
          spot: null,
        }}
      />
      <ButtonLink to="home" look="quiet">
        {t('result.another')}
      </ButtonLink>
      <KeepSheet result={result} open={keeping} onClose={() => setKeeping(false)} />
    </div>
  );
}

export default function ResultScreen() {
  const { t } = useTranslation();
  const { result, kept } = useSession();
  const [anyway, setAnyway] = useState(false);
  useEffect(() => {
    if (!result) go('home', [], true);
  }, [result]);
  if (!result) return null;
  const { analysis, info } = result;
  if (analysis.out_of_distribution && !anyway) {
    return <Unlike view={result.view} note={analysis.bundle.note} onAnyway={() => setAnyway(true)} />;
  }
  return (
    <div className="grid gap-4">
      <Title>{t('result.title')}</Title>
      <div>
        <ResultView
          {...result}
          bounds={info ? { low: info.low, high: info.high } : null}
          sensitivities={info?.sensitivities ?? null}
        >
          <Actions result={result} kept={kept} />
        </ResultView>
      </div>
    </div>
  );
}
