/**
 * A PDF of pages that are pictures, with their text laid over them unseen, so that it can be searched, copied and
 * read aloud. The browser draws the letters: Devanagari wants its letters shaped, by a shaper and a font that would
 * both have to be in the file, and Latin beside it would look as if from elsewhere.
 */

/** A line of text where it is drawn, in the page's own pixels. */
export interface PdfText {
  text: string;
  x: number;
  /** Of the letters' upper edge. */
  y: number;
  size: number;
  width: number;
}

export interface PdfPage {
  /** JPEG bytes. */
  jpeg: Uint8Array;
  width: number;
  height: number;
  texts: readonly PdfText[];
}

const A4: readonly [number, number] = [595.28, 841.89]; // points

/** A text's UTF-16 in hex. */
function hexOf(text: string): string {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0')).join('');
}

/** A text as a PDF string, with its mark. */
const hexText = (text: string): string => `<feff${hexOf(text)}>`;

/** Gathers the parts of a file and where each object begins. */
class Writer {
  private parts: Uint8Array[] = [];
  private length = 0;
  private starts: number[] = [];

  add(part: string | Uint8Array): void {
    const bytes = typeof part === 'string' ? new TextEncoder().encode(part) : part;
    this.parts.push(bytes);
    this.length += bytes.length;
  }

  object(number: number, head: string, stream?: Uint8Array): void {
    this.starts[number] = this.length;
    this.add(`${number} 0 obj\n${head}\n`);
    if (stream) {
      this.add('stream\n');
      this.add(stream);
      this.add('\nendstream\n');
    }
    this.add('endobj\n');
  }

  end(info: number): Blob {
    const at = this.length;
    const rows = this.starts.slice(1).map((start) => `${String(start).padStart(10, '0')} 00000 n \n`);
    this.add(`xref\n0 ${this.starts.length}\n0000000000 65535 f \n${rows.join('')}`);
    this.add(`trailer\n<< /Size ${this.starts.length} /Root 1 0 R /Info ${info} 0 R >>\nstartxref\n${at}\n%%EOF\n`);
    return new Blob(this.parts as BlobPart[], { type: 'application/pdf' });
  }
}

const [FONT, CID_FONT, DESCRIPTOR, TO_UNICODE] = [4, 5, 6, 7]; // numbers of their objects
const GLYPH = 0.5; // every letter's width, in sizes of the font: none of them is seen

/** Every code is the letter that has it in Unicode (PDF 32000-1, 9.10.3), as scanned books have it. */
const CMAP = `/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def /CMapType 2 def
1 begincodespacerange <0000> <ffff> endcodespacerange
1 beginbfrange <0000> <ffff> <0000> endbfrange
endcmap CMapName currentdict /CMap defineresource pop end end`;

/** The font of the text that is not seen; it needs no glyphs. */
function writeFont(writer: Writer): void {
  writer.object(
    FONT,
    `<< /Type /Font /Subtype /Type0 /BaseFont /Unseen /Encoding /Identity-H /DescendantFonts [${CID_FONT} 0 R] ` +
      `/ToUnicode ${TO_UNICODE} 0 R >>`,
  );
  writer.object(
    CID_FONT,
    `<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Unseen /CIDToGIDMap /Identity /DW ${GLYPH * 1000} ` +
      `/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor ${DESCRIPTOR} 0 R >>`,
  );
  writer.object(
    DESCRIPTOR,
    '<< /Type /FontDescriptor /FontName /Unseen /Flags 4 /FontBBox [0 0 500 1000] /ItalicAngle 0 /Ascent 1000 ' +
      '/Descent 0 /CapHeight 1000 /StemV 80 >>',
  );
  const bytes = new TextEncoder().encode(CMAP);
  writer.object(TO_UNICODE, `<< /Length ${bytes.length} >>`, bytes);
}

/** What draws a page: its picture, and its text over it, as wide as it is drawn, unseen (`3 Tr`). */
function drawingOf(page: PdfPage): Uint8Array {
  const [w, h] = A4;
  const scale = w / page.width;
  const lines = page.texts
    .filter(({ text }) => text.trim())
    .map(({ text, x, y, size, width }) => {
      const stretch = (100 * width) / (text.length * GLYPH * size);
      const at = `${(x * scale).toFixed(2)} ${(h - (y + 0.85 * size) * scale).toFixed(2)}`;
      return `/F ${(size * scale).toFixed(2)} Tf ${stretch.toFixed(2)} Tz 1 0 0 1 ${at} Tm <${hexOf(text)}> Tj`;
    });
  const words = lines.length ? `\nBT 3 Tr\n${lines.join('\n')}\nET` : '';
  return new TextEncoder().encode(`q ${w} 0 0 ${h} 0 0 cm /P Do Q${words}`);
}

/** A4 pages, each filled by its picture. */
export function pdfOf(pages: readonly PdfPage[], title: string, language: string): Blob {
  const writer = new Writer();
  const first = TO_UNICODE + 1; // objects: 1 catalog, 2 pages, 3 info, the font's, then three a page
  const kids = pages.map((_, i) => `${first + 3 * i} 0 R`).join(' ');
  writer.add('%PDF-1.4\n');
  writer.add(new Uint8Array([0x25, 0xe2, 0xe3, 0xcf, 0xd3, 0x0a]));
  writer.object(
    1,
    `<< /Type /Catalog /Pages 2 0 R /Lang (${language}) /ViewerPreferences << /DisplayDocTitle true >> >>`,
  );
  writer.object(2, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
  writer.object(3, `<< /Title ${hexText(title)} /Producer (SkinTag) >>`);
  writeFont(writer);
  pages.forEach((page, i) => writePage(writer, page, first + 3 * i));
  return writer.end(3);
}

function writePage(writer: Writer, page: PdfPage, at: number): void {
  const [w, h] = A4;
  const drawing = drawingOf(page);
  writer.object(
    at,
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${w} ${h}] /Contents ${at + 1} 0 R ` +
      `/Resources << /XObject << /P ${at + 2} 0 R >> /Font << /F ${FONT} 0 R >> >> >>`,
  );
  writer.object(at + 1, `<< /Length ${drawing.length} >>`, drawing);
  const about = `/Type /XObject /Subtype /Image /Width ${page.width} /Height ${page.height} /ColorSpace /DeviceRGB`;
  writer.object(at + 2, `<< ${about} /BitsPerComponent 8 /Filter /DCTDecode /Length ${page.jpeg.length} >>`, page.jpeg);
}
