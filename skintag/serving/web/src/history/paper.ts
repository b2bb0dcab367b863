/** The paper that a report is written on: canvases, in the person's language, and what is written where. */
import { blobOf } from '../app/view';
import type { PdfPage, PdfText } from './pdf';

const [WIDTH, HEIGHT, MARGIN] = [1240, 1754, 110]; // A4 at 150 dots an inch
const SERIF = "'Instrument Serif', 'Noto Sans Devanagari', serif";
const SANS = "'DM Sans', 'Noto Sans Devanagari', sans-serif";
export const [INK, MUTED, LINE, ALARM] = ['#2a241e', '#62574b', '#dfd4c2', '#8c281c'];

/** Writes down a page, and begins another where it is full. */
export class Paper {
  private sheets: { canvas: HTMLCanvasElement; texts: PdfText[] }[] = [];
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
    this.sheets.push({ canvas, texts: [] });
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
      const width = this.context.measureText(line).width;
      const x = this.rtl ? WIDTH - MARGIN - indent - width : MARGIN + indent;
      this.context.fillText(line, this.rtl ? WIDTH - MARGIN - indent : x, this.y);
      this.sheets.at(-1)!.texts.push({ text: line, x, y: this.y, size, width });
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
    this.sheets.forEach(({ canvas, texts }, i) => {
      const context = canvas.getContext('2d')!;
      context.font = `400 20px ${SANS}`;
      context.fillStyle = MUTED;
      context.textAlign = 'center';
      const said = text(i + 1, this.sheets.length);
      const width = context.measureText(said).width;
      context.fillText(said, WIDTH / 2, HEIGHT - 70);
      texts.push({ text: said, x: (WIDTH - width) / 2, y: HEIGHT - 70, size: 20, width });
    });
  }

  /** What was written, page by page. */
  async pages(): Promise<PdfPage[]> {
    const out: PdfPage[] = [];
    for (const { canvas, texts } of this.sheets) {
      const jpeg = new Uint8Array(await (await blobOf(canvas, 0.92)).arrayBuffer());
      out.push({ jpeg, width: canvas.width, height: canvas.height, texts });
    }
    return out;
  }
}

/** Letters of every script that may be written: a font's parts are loaded only for letters that are asked for. */
const LETTERS = 'Aé अ';

/** Have the fonts there before anything is drawn with them. */
export async function fontsFor(): Promise<void> {
  const fonts = [`600 26px ${SANS}`, `400 26px ${SANS}`, `400 54px ${SERIF}`];
  await Promise.all(fonts.map((font) => document.fonts.load(font, LETTERS)));
}
