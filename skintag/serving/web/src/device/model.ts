/** The bundle's networks in onnxruntime-web, and one photo's way through them. Runs in the worker. */
import * as ort from 'onnxruntime-web/wasm';
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import bounds from '../../../quality.json';
import { categoriesOf, checkOutputs, predict, readDecisions, type Decisions } from '../core/decisions';
import { BundleError } from '../core/errors';
import { modelPath, RESIZE } from '../core/manifest';
import { readSensitivities } from '../core/metrics';
import { readPreprocessing, type Preprocessing } from '../core/parts';
import { findings, type Rgb } from '../core/picture';
import type { Analysis, BundleName, Crop, LogitMap } from '../core/types';
import { decode } from './decode';
import type { ModelInfo } from './messages';
import type { StoredBundle } from './store';

/** Threads need an isolated page, and on iOS more than one has crashed tabs. */
function threads(): number {
  const apple = /iPad|iPhone|iPod/.test(navigator.userAgent) || /Mac/.test(navigator.platform);
  return self.crossOriginIsolated && !apple ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
}

ort.env.wasm.wasmPaths = { wasm: new URL(wasmUrl, import.meta.url).href };
ort.env.wasm.numThreads = threads();
ort.env.wasm.proxy = false;
ort.env.logLevel = 'error';

/** A loaded bundle that answers one photo at a time. */
export class Model {
  private constructor(
    private readonly stored: StoredBundle,
    private readonly decisions: Decisions,
    private readonly preprocessing: Preprocessing,
    private readonly resize: ort.InferenceSession,
    private readonly network: ort.InferenceSession,
  ) {}

  /** Throws BundleError where a file is not what it has to be. */
  static async of(stored: StoredBundle): Promise<Model> {
    const { manifest, files } = stored;
    const session = (path: string) => ort.InferenceSession.create(files.get(path)!, { executionProviders: ['wasm'] });
    return new Model(
      stored,
      readDecisions(manifest, files),
      readPreprocessing(jsonOf(files.get('preprocessing.json'))),
      await session(RESIZE),
      await session(modelPath(manifest)),
    );
  }

  get digest(): string {
    return this.stored.manifest.digest;
  }

  get name(): BundleName {
    const { name, digest, model, runtime, note } = this.stored.manifest;
    return { name, version: digest.slice(0, 12), model, runtime, note };
  }

  get info(): ModelInfo {
    const metrics = this.stored.files.get('metrics.json');
    const { low, high } = this.decisions.policy;
    const sensitivities = readSensitivities(metrics ? jsonOf(metrics) : null, this.stored.manifest.model);
    return { bundle: this.name, low, high, sensitivities, kept: this.stored.kept };
  }

  async analyse(photo: Blob, crop: Crop | null): Promise<Analysis> {
    const { imageSize: side, fit } = this.preprocessing;
    const decoded = await decode(photo, crop, side, fit);
    const pixels = await this.resized(decoded.picture);
    const out = await this.network.run({ image: new ort.Tensor('uint8', pixels, [1, side, side, 3]) });
    const conditions = out.p_condition ? floats(out.p_condition) : null;
    const map = out.map ? floats(out.map) : null;
    const outputs = { malignant: floats(out.p_malignant)[0]!, conditions, embedding: floats(out.embedding), map };
    checkOutputs(outputs, this.decisions.conditions.length);
    const prediction = predict(this.decisions, outputs);
    return {
      ...prediction,
      categories: categoriesOf(prediction.malignancy_probability, conditions),
      quality: findings({ width: side, height: side, data: pixels }, decoded.shorter, bounds),
      map: mapOf(out.map),
      picture: { width: decoded.width, height: decoded.height },
      crop,
      bundle: this.name,
    };
  }

  private async resized(picture: Rgb): Promise<Uint8Array> {
    const shape = [picture.height, picture.width, 3];
    const out = await this.resize.run({ picture: new ort.Tensor('uint8', picture.data, shape) });
    return out.image!.data as Uint8Array;
  }

  async release(): Promise<void> {
    await Promise.all([this.resize.release(), this.network.release()]);
  }
}

function jsonOf(bytes: ArrayBuffer | undefined): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function floats(tensor: ort.Tensor | undefined): Float32Array {
  if (!tensor || tensor.type !== 'float32') throw new BundleError('model', 'float32 outputs', tensor?.type ?? 'none');
  return tensor.data as Float32Array;
}

function mapOf(tensor: ort.Tensor | undefined): LogitMap | null {
  if (!tensor) return null;
  const [, height = 0, width = 0] = tensor.dims;
  return { height, width, values: Array.from(floats(tensor)) };
}
