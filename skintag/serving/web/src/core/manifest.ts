/** `bundle.json`, as `skintag/bundle/manifest.py` writes and checks it. */
import { BundleError } from './errors';
import { asArray, asNumber, asObject, asString } from './json';

export const FORMAT_VERSION = 2;
const KIND = 'skintag bundle';
const LIMIT = 4_000_000;

export interface FileEntry {
  path: string;
  bytes: number;
  sha256: string;
}

export interface Manifest {
  name: string;
  model: string;
  runtime: string;
  note: string;
  skintag: string;
  files: FileEntry[];
  formatVersion: number;
  digest: string;
}

/** Lower-case hex SHA-256 of bytes. */
export async function sha256(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): Promise<string> {
  if (!crypto.subtle) {
    const fix = 'open the app at https, or at localhost';
    throw new BundleError('the page', 'a secure connection, to verify the model', 'none', fix);
  }
  const hash = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** JSON as Python's `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)` writes it. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${pythonJson(key)}:${pythonJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** SHA-256 over everything else that `bundle.json` says. */
export function digestOf(manifest: Omit<Manifest, 'digest'>): Promise<string> {
  const { formatVersion, files, name, model, runtime, note, skintag } = manifest;
  const listed = files.map(({ path, bytes, sha256: hash }) => ({ path, bytes, sha256: hash }));
  const content = { kind: KIND, format_version: formatVersion, name, model, runtime, note, skintag, files: listed };
  return sha256(new TextEncoder().encode(pythonJson(content)));
}

function checkName(path: string): void {
  const odd = /[\\:\0]/.test(path) || path.split('/').some((part) => ['', '.', '..'].includes(part));
  if (odd) throw new BundleError('bundle.json', "files below the bundle's own folder", path, 'do not use this bundle');
}

/** The manifest in the bytes of a `bundle.json`. Throws BundleError where it is not what was written. */
export async function parseManifest(bytes: ArrayBuffer): Promise<Manifest> {
  const where = 'bundle.json';
  if (bytes.byteLength > LIMIT) throw new BundleError(where, `at most ${LIMIT} bytes`, String(bytes.byteLength));
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new BundleError(where, 'JSON', 'something else');
  }
  const said = asObject(raw, where);
  if (said.kind !== KIND) throw new BundleError(where, KIND, String(said.kind));
  const formatVersion = asNumber(said.format_version, where);
  if (!Number.isInteger(formatVersion) || formatVersion < 1 || formatVersion > FORMAT_VERSION) {
    throw new BundleError(where, `format ${FORMAT_VERSION} or older`, `format ${formatVersion}`, 'update the app');
  }
  const files = asArray(said.files, where).map((item) => {
    const entry = asObject(item, where);
    const path = asString(entry.path, where);
    checkName(path);
    return { path, bytes: asNumber(entry.bytes, where), sha256: asString(entry.sha256, where) };
  });
  if (new Set([...files.map((entry) => entry.path.toLowerCase()), where]).size !== files.length + 1) {
    throw new BundleError(where, 'each file listed once', 'one listed twice');
  }
  const [name, model, runtime, note, skintag] = ['name', 'model', 'runtime', 'note', 'skintag'].map((key) =>
    asString(said[key], where),
  ) as [string, string, string, string, string];
  const content = { name, model, runtime, note, skintag, files, formatVersion };
  const digest = await digestOf(content);
  if (digest !== said.digest) {
    throw new BundleError(where, 'bundle.json as it was written', `content whose digest is ${digest.slice(0, 12)}`);
  }
  return { ...content, digest };
}

export const RESIZE = 'model/resize.onnx';

/** The ONNX file that the manifest deploys. */
export function modelPath(manifest: Manifest): string {
  if (manifest.runtime === 'onnx') return 'model/model.onnx';
  if (manifest.runtime === 'onnx_half') return 'model/model_half.onnx';
  if (manifest.runtime === 'onnx_int8') return 'model/model_int8.onnx';
  throw new BundleError(
    'bundle.json',
    'runtime onnx, onnx_half or onnx_int8',
    manifest.runtime,
    'build the bundle with runtime=onnx_half',
  );
}

const PARTS = [
  'calibration.json',
  'preprocessing.json',
  'taxonomy.json',
  'texts.json',
  'thresholds.json',
  'triage.json',
];

/** The files that the device needs, model last. Throws BundleError where one is not in the bundle. */
export function neededFiles(manifest: Manifest): FileEntry[] {
  if (manifest.model !== 'head') throw new BundleError('bundle.json', 'the model head', manifest.model);
  const listed = new Map(manifest.files.map((entry) => [entry.path, entry]));
  const optional = ['metrics.json', 'ood/ood.safetensors'].filter((path) => listed.has(path));
  return [...PARTS, ...optional, RESIZE, modelPath(manifest)].map((path) => {
    const entry = listed.get(path);
    if (!entry)
      throw new BundleError('bundle.json', `the file ${path}`, 'none', 'build the bundle again for the device');
    return entry;
  });
}
