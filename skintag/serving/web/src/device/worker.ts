/** The model's worker: loads the bundle, looks for a newer one, answers photos one after the other. */
import { messageOf } from '../core/errors';
import type { Answer, ModelInfo, Reply, Request } from './messages';
import { Model } from './model';
import { install, readStored, type Progress, type StoredBundle } from './store';

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

/** The kept bundle, or the site's where none is kept. */
async function load(base: string, progress: Progress): Promise<ModelInfo> {
  if (!model) await use((await readStored()) ?? (await install(new URL(base), null, progress)));
  return model!.info;
}

/** Take over a whole other version where the site has one; null where it has not. */
async function update(base: string, progress: Progress): Promise<ModelInfo | null> {
  const next = await install(new URL(base), stored, progress);
  if (!model || next.manifest.digest !== model.digest) return (await use(next)).info;
  return null;
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
