/** The server, where there is one. Every answer is checked before it is used. */
import { asObject, isObject } from '../core/json';
import type { Analysis, Crop, Sensitivities, Share } from '../core/types';
import { FEW } from '../core/metrics';
import type { Answer, ModelInfo } from '../device/messages';
import { checkAnalysis } from './check';
import type { components } from './schema';

type Schemas = components['schemas'];

/** What went wrong at the server: 0 where it cannot be reached. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Short, the same for the same problem: the end of its `type`. */
    readonly kind: string = '',
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
  const kind = isObject(problem) && typeof problem.type === 'string' ? (problem.type.split(':').pop() ?? '') : '';
  throw new ServerError(response.status, detail, kind);
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

/** What the server says of its model, as far as it is shown. */
function infoOf(said: Record<string, unknown>): ModelInfo {
  const model = said as unknown as Schemas['Model'];
  const { name, version, model: head, runtime } = model.bundle;
  const note = model.bundle.note || model.metrics.data; // what its figures stand on says the same of it
  const { low, high } = model.tiers;
  if (!(low >= 0 && low <= high && high <= 1)) throw new Error('tiers out of order');
  const { overall, fitzpatrick, domain } = model.metrics;
  const sensitivities: Sensitivities = {
    overall: overall ? shareOf(overall) : null,
    skin: Object.fromEntries(fitzpatrick.map((figure) => [figure.group, shareOf(figure)])),
    camera: Object.fromEntries(domain.map((figure) => [figure.group, shareOf(figure)])),
  };
  return { bundle: { name, version, model: head, runtime, note }, low, high, sensitivities, kept: false };
}

function shareOf({ sensitivity, low, high, n_malignant: n, few }: Schemas['Figure']): Share {
  return { value: sensitivity ?? null, low: low ?? null, high: high ?? null, n, few: few || n < FEW };
}

/** The model card, in Markdown. Throws ServerError. */
export async function modelCard(): Promise<string> {
  const said: unknown = await (await call('model', {}, 10)).json();
  return isObject(said) && typeof said.model_card === 'string' ? said.model_card : '';
}

// what the device says has the shape that the server's document gives: checked when types are
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
export const agreed: Same<Analysis, Schemas['Analysis']> = true;
