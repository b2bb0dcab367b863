/** A photo's pixels, upright: turned here by what the file says, for browsers heed it in some formats alone. */
import { PhotoError } from '../core/errors';
import { checkSize, storedOf, type Stored } from '../core/photo';
import type { Box } from '../core/picture';

type Context = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D;

/** What a browser can hold of a photo that is yet to be made smaller, pixels. */
export const MOST_PIXELS = 120_000_000;

/** The file with its orientation taken out, so that no browser turns the picture by itself. */
function neutral(photo: Blob, { turn }: Stored): Blob {
  if (!turn.patch || turn.orientation === 1) return photo;
  const { at, bytes } = turn.patch;
  return new Blob([photo.slice(0, at), Uint8Array.from(bytes), photo.slice(at + bytes.length)]);
}

/** What the file holds, by its bytes. Throws PhotoError. */
export async function storedIn(photo: Blob): Promise<Stored> {
  const bytes = await photo.arrayBuffer().catch(() => {
    throw new PhotoError('unreadable'); // it was moved, or may no longer be read
  });
  return storedOf(new Uint8Array(bytes));
}

/** For each orientation: whether rows become columns, and then whether it is flipped across and down. */
function stepsOf(orientation: number): { swap: boolean; across: boolean; down: boolean } {
  return {
    swap: orientation >= 5,
    across: [2, 3, 6, 7].includes(orientation),
    down: [3, 4, 7, 8].includes(orientation),
  };
}

/** The part of the stored picture [width, height] that a part of the upright one is. */
export function storedBox(box: Box, orientation: number, width: number, height: number): Box {
  const { swap, across, down } = stepsOf(orientation);
  const [w, h] = swap ? [height, width] : [width, height]; // upright
  const [left, right] = across ? [w - box.right, w - box.left] : [box.left, box.right];
  const [top, bottom] = down ? [h - box.bottom, h - box.top] : [box.top, box.bottom];
  return swap ? { left: top, right: bottom, top: left, bottom: right } : { left, right, top, bottom };
}

/** An upright picture that parts can be drawn of. Close it when done. */
export class Upright {
  private constructor(
    private readonly bitmap: ImageBitmap,
    private readonly orientation: number,
  ) {}

  /** Throws PhotoError: what the server would refuse, and `unreadable` where the browser cannot decode it. */
  static async of(photo: Blob, options: ImageBitmapOptions, most?: number): Promise<Upright> {
    const stored = await storedIn(photo);
    if (stored.size) checkSize(stored.size.width, stored.size.height, most); // before it takes memory
    const bitmap = await createImageBitmap(neutral(photo, stored), options).catch(() => {
      throw new PhotoError('unreadable');
    });
    const made = new Upright(bitmap, stored.turn.orientation);
    try {
      checkSize(bitmap.width, bitmap.height, most);
    } catch (error) {
      made.close();
      throw error;
    }
    return made;
  }

  get width(): number {
    return this.orientation >= 5 ? this.bitmap.height : this.bitmap.width;
  }

  get height(): number {
    return this.orientation >= 5 ? this.bitmap.width : this.bitmap.height;
  }

  /** Draw a part of it over a canvas's first `width` x `height` pixels. */
  draw(context: Context, box: Box, width: number, height: number): void {
    const { swap, across, down } = stepsOf(this.orientation);
    const part = storedBox(box, this.orientation, this.bitmap.width, this.bitmap.height);
    const [w, h] = [part.right - part.left, part.bottom - part.top];
    const [x, y] = [across ? -1 : 1, down ? -1 : 1];
    context.save();
    context.translate(across ? width : 0, down ? height : 0);
    context.transform(swap ? 0 : x, swap ? y : 0, swap ? x : 0, swap ? 0 : y, 0, 0);
    context.drawImage(this.bitmap, part.left, part.top, w, h, 0, 0, swap ? height : width, swap ? width : height);
    context.restore();
  }

  close(): void {
    this.bitmap.close();
  }
}
