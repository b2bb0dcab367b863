/** The pages of the report for a doctor: drawn on canvases, in the person's language. */
import type { TFunction } from 'i18next';
import { blobOf } from '../app/view';
import { CONDITIONS } from '../core/parts';
import type { Analysis } from '../core/types';
import { localeOf } from '../i18n';
import { adviceOf, disclaimerOf } from '../i18n/triage';
import { noteText } from '../ui/model-note';
import { percent, tierTitle } from '../ui/tier';
import { pdfOf, type PdfPage } from './pdf';

export interface Report {
  analysis: Analysis;
  view: Blob;
  bounds: { low: number; high: number } | null;
  taken: string;
  note: string;
  spot: string | null;
}

const [WIDTH, HEIGHT, MARGIN] = [1240, 1754, 110]; // A4 at 150 dots an inch
const SERIF = "'Instrument Serif', 'Noto Sans Devanagari', serif";
const SANS = "'DM Sans', 'Noto Sans Devanagari', sans-serif";
const [INK, MUTED, LINE, ALARM] = ['#2a241e', '#62574b', '#dfd4c2', '#8c281c'];

/** Writes down a page, and begins another where it is full. */
class Paper {
  pages: HTMLCanvasElement[] = [];
  private context!: CanvasRenderingContext2D;
  private y = 0;

  constructor(private readonly rtl: boolean) {
    this.turn();
  }

  private turn(): void {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.textBaseline = 'top';
    context.direction = this.rtl ? 'rtl' : 'ltr';
    this.context = context;
    this.y = MARGIN;
    this.pages.push(canvas);
  }

  private room(height: number): void {
    if (this.y + height > HEIGHT - MARGIN) this.turn();
  }

  skip(height: number): void {
    this.y += height;
  }

  rule(): void {
    this.context.fillStyle = LINE;
    this.context.fillRect(MARGIN, this.y, WIDTH - 2 * MARGIN, 2);
    this.y += 26;
  }

  /** A word that is wider than the page in pieces that are not. */
  private pieces(word: string, width: number): string[] {
    if (this.context.measureText(word).width <= width) return [word];
    const out = [''];
    for (const letter of word) {
      if (out.at(-1) && this.context.measureText(out.at(-1)! + letter).width > width) out.push('');
      out[out.length - 1] += letter;
    }
    return out;
  }

  private lines(text: string, width: number): string[] {
    const out: string[] = [];
    for (const paragraph of text.split('\n')) {
      let line = '';
      for (const word of paragraph.split(/\s+/).flatMap((one) => this.pieces(one, width))) {
        const longer = line ? `${line} ${word}` : word;
        if (line && this.context.measureText(longer).width > width) {
          out.push(line);
          line = word;
        } else line = longer;
      }
      out.push(line);
    }
    return out;
  }

  write(text: string, size: number, { serif = false, bold = false, colour = INK, indent = 0 } = {}): void {
    const font = `${bold ? 600 : 400} ${size}px ${serif ? SERIF : SANS}`;
    this.context.font = font;
    for (const line of this.lines(text, WIDTH - 2 * MARGIN - indent)) {
      this.room(size * 1.4);
      this.context.font = font; // a new page has its own
      this.context.fillStyle = colour;
      this.context.fillText(line, this.rtl ? WIDTH - MARGIN - indent : MARGIN + indent, this.y);
      this.y += size * 1.4;
    }
  }

  picture(bitmap: ImageBitmap, side: number): void {
    const scale = Math.min(side / bitmap.width, side / bitmap.height);
    const [w, h] = [bitmap.width * scale, bitmap.height * scale];
    this.room(h + 20);
    this.context.drawImage(bitmap, this.rtl ? WIDTH - MARGIN - w : MARGIN, this.y, w, h);
    this.y += h + 24;
  }

  foot(text: (n: number, of: number) => string): void {
    this.pages.forEach((canvas, i) => {
      const context = canvas.getContext('2d')!;
      context.font = `400 20px ${SANS}`;
      context.fillStyle = MUTED;
      context.textAlign = 'center';
      context.fillText(text(i + 1, this.pages.length), WIDTH / 2, HEIGHT - 70);
    });
  }
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

/** Letters of every script that may be written: a font's parts are loaded only for letters that are asked for. */
const LETTERS = 'Aé अ';

/** The report as a PDF. */
export async function reportOf(report: Report, t: TFunction, language: string): Promise<Blob> {
  await Promise.all(
    [`600 26px ${SANS}`, `400 26px ${SANS}`, `400 54px ${SERIF}`].map((font) => document.fonts.load(font, LETTERS)),
  );
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
  const pages: PdfPage[] = [];
  for (const canvas of paper.pages) {
    const jpeg = new Uint8Array(await (await blobOf(canvas, 0.92)).arrayBuffer());
    pages.push({ jpeg, width: canvas.width, height: canvas.height });
  }
  return pdfOf(pages, t('pdf.title'), language);
}
