/** The model's worker: loads the bundle, looks for a newer one, answers photos one after the other. */
import { messageOf } from '../core/errors';
import type { Answer, ModelInfo, Reply, Request } from './messages';
import { Model } from './model';
import { fetchBundle, forget, keep, readStored, type Progress, type StoredBundle } from './store';

let stored: StoredBundle | null = null;
let model: Model | null = null;
let turn: Promise<unknown> = Promise.resolve();

function say(reply: Reply): void {
  postMessage(reply);
}

async function use(bundle: StoredBundle): Promise<Model> {
  const next = await Model.of(bundle);
  await model?.release();
  stored = bundle;
  model = next;
  return next;
}

/** The site's bundle, kept once its networks have been loaded: one that does not run replaces none that does. */
async function install(base: string, progress: Progress): Promise<Model> {
  const bundle = await fetchBundle(new URL(base), stored, progress);
  if (model && bundle.manifest.digest === model.digest) return model;
  const next = await use(bundle);
  bundle.kept = await keep(bundle);
  return next;
}

/** The kept bundle, or the site's where none is kept, or the kept one does not run. */
async function load(base: string, progress: Progress): Promise<ModelInfo> {
  if (model) return model.info;
  const kept = await readStored();
  if (!kept) return (await install(base, progress)).info;
  try {
    return (await use(kept)).info;
  } catch {
    const { info } = await install(base, progress);
    if (info.bundle.version !== kept.manifest.digest.slice(0, 12)) await forget(kept);
    return info;
  }
}

/** Take over a whole other version where the site has one; null where it has not. */
async function update(base: string, progress: Progress): Promise<ModelInfo | null> {
  const before = model;
  const next = await install(base, progress);
  return next === before ? null : next.info;
}

async function analyse(photo: Blob, crop: Extract<Request, { kind: 'analyse' }>['crop']): Promise<Answer> {
  if (!model) throw new Error('the model is not loaded');
  const start = performance.now();
  const analysis = await model.analyse(photo, crop);
  return { analysis, milliseconds: performance.now() - start };
}

function answer(request: Request): Promise<unknown> {
  const progress: Progress = (loaded, total) => say({ id: request.id, kind: 'progress', loaded, total });
  if (request.kind === 'load') return load(request.base, progress);
  if (request.kind === 'update') return update(request.base, progress);
  return analyse(request.photo, request.crop);
}

addEventListener('message', ({ data: request }: MessageEvent<Request>) => {
  turn = turn
    .then(() => answer(request))
    .then((value) => say({ id: request.id, kind: 'done', value }))
    .catch((error: unknown) => {
      const name = error instanceof Error ? error.name : 'Error';
      say({ id: request.id, kind: 'failed', name, message: messageOf(error) });
    });
});
