/** A PDF of pages that are pictures: the browser writes the letters, so every script comes out right, offline. */

export interface PdfPage {
  /** JPEG bytes. */
  jpeg: Uint8Array;
  width: number;
  height: number;
}

const A4: readonly [number, number] = [595.28, 841.89]; // points

/** A text as a PDF string: UTF-16 in hex, with its mark. */
function hexText(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0'));
  return `<feff${units.join('')}>`;
}

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

/** A4 pages, each filled by its picture. */
export function pdfOf(pages: readonly PdfPage[], title: string, language: string): Blob {
  const writer = new Writer();
  const first = 4; // objects: 1 catalog, 2 pages, 3 info, then three a page
  const kids = pages.map((_, i) => `${first + 3 * i} 0 R`).join(' ');
  writer.add('%PDF-1.4\n');
  writer.add(new Uint8Array([0x25, 0xe2, 0xe3, 0xcf, 0xd3, 0x0a]));
  writer.object(
    1,
    `<< /Type /Catalog /Pages 2 0 R /Lang (${language}) /ViewerPreferences << /DisplayDocTitle true >> >>`,
  );
  writer.object(2, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
  writer.object(3, `<< /Title ${hexText(title)} /Producer (SkinTag) >>`);
  pages.forEach((page, i) => {
    const at = first + 3 * i;
    const [w, h] = A4;
    const drawing = new TextEncoder().encode(`q ${w} 0 0 ${h} 0 0 cm /P Do Q`);
    writer.object(
      at,
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${w} ${h}] /Contents ${at + 1} 0 R /Resources << /XObject << /P ${at + 2} 0 R >> >> >>`,
    );
    writer.object(at + 1, `<< /Length ${drawing.length} >>`, drawing);
    const about = `/Type /XObject /Subtype /Image /Width ${page.width} /Height ${page.height} /ColorSpace /DeviceRGB`;
    writer.object(
      at + 2,
      `<< ${about} /BitsPerComponent 8 /Filter /DCTDecode /Length ${page.jpeg.length} >>`,
      page.jpeg,
    );
  });
  return writer.end(3);
}
