import { useTranslation } from 'react-i18next';
import { Heading } from './parts';

/** What to look out for on any spot. */
export function Abcde() {
  const { t } = useTranslation();
  return (
    <section className="card grid gap-4">
      <Heading>{t('abcde.title')}</Heading>
      <dl className="grid gap-3 sm:grid-cols-2 lg:grid-cols-1">
        {['A', 'B', 'C', 'D', 'E'].map((letter) => (
          <div key={letter} className="grid grid-cols-[2.75rem_1fr] gap-x-3">
            <dt className="contents">
              <span
                aria-hidden="true"
                className="row-span-2 grid size-11 place-items-center rounded-full bg-sunk font-serif text-2xl text-accent"
              >
                {letter}
              </span>
              <span className="font-semibold">{t(`abcde.${letter}`)}</span>
            </dt>
            <dd className="col-start-2 text-muted">{t(`abcde.${letter}Text`)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
