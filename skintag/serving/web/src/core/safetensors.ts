/** Arrays of a safetensors file; float16 and float32 are all that a bundle's reference has. */
import { BundleError } from './errors';
import { asNumbers, asObject, asString } from './json';

export interface Tensor {
  shape: number[];
  data: Float64Array;
}

export interface Safetensors {
  metadata: Record<string, unknown>;
  tensors: Map<string, Tensor>;
}

/** The value of the 16 bits of a half-precision number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** All tensors, widened to float64. Throws BundleError where the bytes are not a safetensors file. */
export function readSafetensors(bytes: ArrayBuffer, where: string): Safetensors {
  const view = new DataView(bytes);
  const length = bytes.byteLength >= 8 ? Number(view.getBigUint64(0, true)) : 0;
  if (length < 2 || length > bytes.byteLength - 8) {
    throw new BundleError(where, 'a safetensors file', `a header of ${length} bytes`);
  }
  const header = asObject(JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length))), where);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__')
      tensors.set(name, tensorOf(view, 8 + length, asObject(entry, where), `${where}: ${name}`));
  }
  return { metadata: asObject(header.__metadata__ ?? {}, where), tensors };
}

function tensorOf(view: DataView, base: number, entry: Record<string, unknown>, where: string): Tensor {
  const kind = asString(entry.dtype, where);
  const shape = asNumbers(entry.shape, where);
  const [start = 0, end = 0] = asNumbers(entry.data_offsets, where);
  const size = shape.reduce((product, side) => product * side, 1);
  const width = kind === 'F16' ? 2 : kind === 'F32' ? 4 : 0;
  if (!width) throw new BundleError(where, 'F16 or F32', kind);
  if (end - start !== size * width || base + end > view.byteLength || start < 0) {
    throw new BundleError(where, `${size * width} bytes`, `${end - start}`);
  }
  const data = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const at = base + start + i * width;
    data[i] = width === 2 ? halfToNumber(view.getUint16(at, true)) : view.getFloat32(at, true);
  }
  return { shape, data };
}
