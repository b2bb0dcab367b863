/** The model's worker as the app sees it: started when it is first needed, and again where it died. */
import type { Crop } from '../core/types';
import type { Answer, ModelInfo, Reply, Request } from './messages';

type Progress = (loaded: number, total: number) => void;

interface Waiting {
  done: (value: unknown) => void;
  failed: (error: Error) => void;
  progress: Progress;
}

type Asked<R = Request> = R extends Request ? Omit<R, 'id'> : never;

export class DeviceModel {
  private worker: Worker | null = null;
  private waiting = new Map<number, Waiting>();
  private last = 0;
  private info: Promise<ModelInfo> | null = null;

  constructor(private readonly base: string) {}

  /** Load the model once; a failed load is tried again at the next call. */
  load(progress: Progress = () => undefined): Promise<ModelInfo> {
    this.info ??= this.ask<ModelInfo>({ kind: 'load', base: this.base }, progress).catch((error: unknown) => {
      this.info = null;
      throw error;
    });
    return this.info;
  }

  /** Look for another version on the site and take it over whole; null where there is none. */
  async update(): Promise<ModelInfo | null> {
    const next = await this.ask<ModelInfo | null>({ kind: 'update', base: this.base });
    if (next) this.info = Promise.resolve(next);
    return next;
  }

  async analyse(photo: Blob, crop: Crop | null): Promise<Answer> {
    await this.load();
    return this.ask<Answer>({ kind: 'analyse', photo, crop });
  }

  private ask<T>(asked: Asked, progress: Progress = () => undefined): Promise<T> {
    const id = ++this.last;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { done: resolve as (value: unknown) => void, failed: reject, progress });
      try {
        this.running().postMessage({ ...asked, id });
      } catch (error) {
        this.waiting.delete(id); // no workers here, or a photo that cannot be handed over
        throw error;
      }
    });
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'model' });
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.heard(data);
    worker.onerror = (event) => this.died(event.message || 'the model’s worker could not start');
    worker.onmessageerror = () => this.died('what the model’s worker said could not be read');
    this.worker = worker;
    return worker;
  }

  private heard(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    if (!waiting) return;
    if (reply.kind === 'progress') return waiting.progress(reply.loaded, reply.total);
    this.waiting.delete(reply.id);
    if (reply.kind === 'done') return waiting.done(reply.value);
    waiting.failed(Object.assign(new Error(reply.message), { name: reply.name }));
  }

  private died(message: string): void {
    this.worker?.terminate();
    this.worker = null;
    this.info = null;
    for (const waiting of this.waiting.values()) waiting.failed(new Error(message));
    this.waiting.clear();
  }
}
