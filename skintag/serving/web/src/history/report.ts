/** The pages of the report for a doctor: drawn on canvases, in the person's language. */
import type { TFunction } from 'i18next';
import { CONDITIONS } from '../core/parts';
import type { Analysis } from '../core/types';
import { localeOf } from '../i18n';
import { adviceOf, disclaimerOf } from '../i18n/triage';
import { noteText } from '../ui/model-note';
import { percent, tierTitle } from '../ui/tier';
import { ALARM, fontsFor, MUTED, Paper } from './paper';
import { pdfOf } from './pdf';

export interface Report {
  analysis: Analysis;
  view: Blob;
  bounds: { low: number; high: number } | null;
  taken: string;
  note: string;
  spot: string | null;
}

function writeFigures(paper: Paper, report: Report, t: TFunction): void {
  const { analysis, bounds } = report;
  if (analysis.out_of_distribution) {
    paper.write(t('unlike.still'), 26, { bold: true });
    paper.skip(16);
  }
  paper.write(tierTitle(analysis.tier, t), 54, { serif: true });
  paper.write(`${t('pdf.share')}: ${t('common.of100', { n: percent(analysis.malignancy_probability) })}`, 26, {
    bold: true,
  });
  if (bounds)
    paper.write(t('result.gaugeFrom', { low: percent(bounds.low), high: percent(bounds.high) }), 24, { colour: MUTED });
  paper.skip(16);
  if (analysis.conditions.length) paper.write(t('result.conditions'), 26, { bold: true });
  for (const { name, probability } of analysis.conditions) {
    paper.write(
      `${t(`conditions.${CONDITIONS.includes(name) ? name : 'other_unknown'}.name`)} – ${t('common.of100', { n: percent(probability) })}`,
      24,
      {
        indent: 24,
      },
    );
  }
  if (analysis.conditions.length) paper.write(t('result.conditionsNote'), 20, { colour: MUTED });
  for (const { finding } of analysis.quality) {
    paper.write(`${t('result.qualityText')} ${t(`result.${finding}`)}.`, 24);
  }
}

/** The report as a PDF. */
export async function reportOf(report: Report, t: TFunction, language: string): Promise<Blob> {
  await fontsFor();
  const date = (iso: string): string =>
    new Intl.DateTimeFormat(localeOf(language), { dateStyle: 'long', timeStyle: 'short' }).format(new Date(iso));
  const paper = new Paper(document.documentElement.dir === 'rtl');
  paper.write(t('pdf.title'), 64, { serif: true });
  paper.write(t('pdf.taken', { date: date(report.taken) }), 24, { colour: MUTED });
  if (report.spot) paper.write(`${t('history.spot')}: ${report.spot}`, 24, { bold: true });
  const said = noteText(report.analysis.bundle.note, t);
  if (said) {
    paper.skip(10);
    paper.write(said, 26, { bold: true, colour: ALARM });
  }
  paper.skip(12);
  paper.rule();
  const bitmap = await createImageBitmap(report.view);
  paper.picture(bitmap, 520);
  bitmap.close();
  writeFigures(paper, report, t);
  paper.skip(20);
  paper.write(t('result.next'), 26, { bold: true });
  paper.write(adviceOf(report.analysis, t, language).text, 24);
  if (report.note) {
    paper.skip(16);
    paper.write(t('pdf.note'), 26, { bold: true });
    paper.write(report.note, 24);
  }
  paper.skip(16);
  paper.rule();
  paper.write(disclaimerOf(report.analysis, t, language).text, 24, { bold: true });
  const { name, version, note } = report.analysis.bundle;
  paper.write(`${t('result.bundle', { name, version })}${note ? ` – ${note}` : ''}`, 20, { colour: MUTED });
  paper.foot((n, of) => t('pdf.page', { n, of }));
  return pdfOf(await paper.pages(), t('pdf.title'), language);
}
