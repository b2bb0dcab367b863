/** The server, where there is one. Every answer is checked before it is used. */
import { asObject, isObject } from '../core/json';
import type { Analysis, Crop, Sensitivities, Share } from '../core/types';
import type { Answer } from '../device/messages';
import type { ModelInfo } from '../device/messages';
import { checkAnalysis } from './check';

/** What went wrong at the server: 0 where it cannot be reached. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = 'ServerError';
  }
}

const base = (): URL => new URL('api/', document.baseURI);

async function call(path: string, init: RequestInit, seconds: number): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(path, base()), { ...init, signal: AbortSignal.timeout(seconds * 1000) });
  } catch (error) {
    throw new ServerError(0, error instanceof Error ? error.message : 'unreachable');
  }
  if (response.ok) return response;
  const problem: unknown = await response.json().catch(() => null);
  const detail = isObject(problem) && typeof problem.detail === 'string' ? problem.detail : response.statusText;
  const id = isObject(problem) && typeof problem.request_id === 'string' ? problem.request_id : null;
  throw new ServerError(response.status, detail, id);
}

/** Whether the server is there and has its model loaded. */
export async function isReady(): Promise<boolean> {
  try {
    const response = await call('ready', { cache: 'no-store' }, 5);
    return (response.headers.get('content-type') ?? '').includes('json');
  } catch {
    return false;
  }
}

/** What the server says of the photo. Throws ServerError. */
export async function analyse(photo: Blob, crop: Crop | null): Promise<Answer> {
  const form = new FormData();
  form.append('image', photo, 'photo');
  if (crop) form.append('crop', JSON.stringify(crop));
  const start = performance.now();
  const response = await call('analyze', { method: 'POST', body: form }, 60);
  const said: unknown = await response.json().catch(() => null);
  const analysis: Analysis | null = checkAnalysis(said);
  if (!analysis) throw new ServerError(502, 'the answer is not an analysis');
  return { analysis, milliseconds: performance.now() - start };
}

/** What the server's model is, and how it did. Throws ServerError. */
export async function modelInfo(): Promise<ModelInfo> {
  const said: unknown = await (await call('model', {}, 10)).json();
  try {
    return infoOf(asObject(said, '/api/model'));
  } catch (error) {
    throw new ServerError(502, error instanceof Error ? error.message : 'not a model');
  }
}

function infoOf(said: Record<string, unknown>): ModelInfo {
  const tiers = asObject(said.tiers, 'tiers');
  return {
    bundle: asObject(said.bundle, 'bundle') as unknown as ModelInfo['bundle'],
    low: Number(tiers.low),
    high: Number(tiers.high),
    sensitivities: sensitivitiesOf(isObject(said.metrics) ? said.metrics : {}),
    kept: false,
  };
}

function sensitivitiesOf(metrics: Record<string, unknown>): Sensitivities {
  const skin = metrics.fitzpatrick ?? metrics.fst_group ?? metrics.skin;
  const camera = metrics.domain ?? metrics.camera;
  return { overall: shareOf(metrics.overall), skin: sharesOf(skin), camera: sharesOf(camera) };
}

function sharesOf(groups: unknown): Record<string, Share> {
  const out: Record<string, Share> = {};
  for (const [name, value] of Object.entries(isObject(groups) ? groups : {})) {
    const share = shareOf(value);
    if (share) out[name] = share;
  }
  return out;
}

function shareOf(value: unknown): Share | null {
  if (!isObject(value)) return null;
  const cell = isObject(value.sensitivity) ? value.sensitivity : value;
  const number = (item: unknown): number | null => (typeof item === 'number' && Number.isFinite(item) ? item : null);
  const n = number(cell.n) ?? number(cell.n_positive) ?? number(cell.n_malignant) ?? number(value.n_malignant) ?? 0;
  return { value: number(cell.value ?? cell.sensitivity), low: number(cell.low), high: number(cell.high), n };
}
