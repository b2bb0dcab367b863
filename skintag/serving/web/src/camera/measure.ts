/** What the live view says of itself: light, sharpness, whether there is skin, and how far away the spot is. */
import { laplacianVariance } from '../core/picture';

export type Hint = 'looking' | 'dark' | 'bright' | 'noSkin' | 'blurred' | 'closer' | 'farther' | 'good';

export interface Measures {
  brightness: number;
  glare: number;
  sharpness: number;
  /** Share of the ring that is in colours of skin, or of the spot within it. */
  skin: number;
  /** Share of the ring that is much darker or redder than the skin around; 0 where there is no skin. */
  spot: number;
}

/** Bounds of the live hints: kind ones, for what is taken is measured again and strictly. */
const BOUNDS = { dark: 55, bright: 0.22, skin: 0.35, sharp: 12, small: 0.012, large: 0.55 };

/**
 * Whether a colour is one of skin, from light to dark, in daylight or in warm light: red leads, and the chroma lies
 * where skin's does (after Chai & Ngan, 1999, doi:10.1109/76.767122, widened to the dark).
 */
export function isSkin(r: number, g: number, b: number): boolean {
  const cb = 128 - 0.168736 * r - 0.331264 * g + 0.5 * b;
  const cr = 128 + 0.5 * r - 0.418688 * g - 0.081312 * b;
  return r > 35 && r >= g && g >= 0.35 * r && r - Math.min(g, b) > 8 && cb >= 77 && cb <= 130 && cr >= 131 && cr <= 180;
}

/** The grey of the skin around: that of its lighter part, for a large brown spot is in colours of skin as well. */
function toneOf(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.9)] ?? 0;
}

/** Measures of a square live picture, RGBA [side, side]; the ring is the circle within it. */
export function measureFrame(rgba: Uint8ClampedArray, side: number): Measures {
  const grey = new Float64Array(side * side);
  const ring: number[] = [];
  let [sum, glaring, skin] = [0, 0, 0];
  const tones: number[] = [];
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b] = [rgba[4 * i]!, rgba[4 * i + 1]!, rgba[4 * i + 2]!];
    const value = 0.299 * r + 0.587 * g + 0.114 * b;
    grey[i] = value;
    sum += value;
    if (value >= 250) glaring++;
    const [x, y] = [(i % side) - side / 2 + 0.5, Math.floor(i / side) - side / 2 + 0.5];
    if (Math.hypot(x, y) > side / 2) continue;
    ring.push(i);
    if (!isSkin(r, g, b)) continue;
    skin++;
    tones.push(value);
  }
  const tone = toneOf(tones);
  const unlike = ring.filter((i) => grey[i]! < tone * 0.68).length;
  return {
    brightness: sum / grey.length,
    glare: glaring / grey.length,
    sharpness: laplacianVariance(grey, side, side),
    skin: skin / ring.length,
    spot: tones.length ? unlike / ring.length : 0,
  };
}

/** The one hint that matters most now. */
export function hintOf(measures: Measures): Hint {
  if (measures.brightness < BOUNDS.dark) return 'dark';
  if (measures.glare > BOUNDS.bright) return 'bright';
  if (measures.skin < BOUNDS.skin && measures.spot < BOUNDS.large) return 'noSkin';
  if (measures.sharpness < BOUNDS.sharp) return 'blurred';
  if (measures.spot > BOUNDS.large) return 'farther';
  if (measures.spot < BOUNDS.small) return 'closer';
  return 'good';
}
