/** A small server for the browser's tests: the built app, a bundle, and an API that can be told to be away. */
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const STATIC = here('../../../static');
const BUNDLES = [here('../fixtures/bundle'), here('../fixtures/bundle_v2')];
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '.onnx': 'application/octet-stream',
  '.safetensors': 'application/octet-stream',
};
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; " +
  "media-src 'self' blob:; connect-src 'self' blob: data:; worker-src 'self' blob:; font-src 'self'; " +
  "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

export class TestServer {
  /** Whether the API answers. */
  up = true;
  /** Which bundle is served: 0 or 1. */
  bundle = 0;
  /** Whether the bundle is there at all. */
  bundled = true;
  /** A file of the bundle that comes damaged. */
  broken = '';
  /** Files of the bundle that are answered with other bytes, by path. */
  readonly replaced = new Map<string, Buffer>();
  /** A status that `POST /api/analyze` answers with in place of an analysis; 0: none. */
  refuse = 0;
  /** What `POST /api/analyze` was sent: bytes of each request. */
  uploads: number[] = [];
  private port = 0;

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<TestServer> {
    const server = createServer();
    const made = new TestServer(server);
    server.on('request', (request, response) => made.answer(request, response));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    made.port = (server.address() as AddressInfo).port;
    return made;
  }

  get url(): string {
    return `http://localhost:${this.port}/`;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(request.url ?? '/', this.url).pathname);
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('Permissions-Policy', 'camera=(self), microphone=(), geolocation=()');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (path.startsWith('/api/')) return this.api(path.slice(5), request, response);
    if (this.broken && path.endsWith(this.broken)) return void response.end('damaged');
    const other = this.replaced.get(path.slice('/bundle/'.length));
    if (other) return void response.end(other);
    if (path.startsWith('/bundle/'))
      return this.bundled ? this.file(this.inBundle(path.slice(8)), response) : gone(response);
    return this.file(join(STATIC, normalize(path === '/' ? '/index.html' : path)), response);
  }

  private inBundle(path: string): string {
    const newer = join(BUNDLES[this.bundle]!, normalize(path));
    return existsSync(newer) ? newer : join(BUNDLES[0]!, normalize(path));
  }

  private file(path: string, response: ServerResponse): void {
    if (!existsSync(path) || !statSync(path).isFile()) return gone(response);
    response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
    response.setHeader('Cache-Control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    createReadStream(path).pipe(response);
  }

  private api(path: string, request: IncomingMessage, response: ServerResponse): void {
    if (!this.up) {
      request.socket.destroy();
      return;
    }
    if (path === 'ready') return json(response, { status: 'ready' });
    if (path === 'model') return json(response, JSON.parse(readFileSync(here('../fixtures/api/model.json'), 'utf-8')));
    if (path !== 'analyze') return gone(response);
    let bytes = 0;
    request.on('data', (part: Buffer) => (bytes += part.length));
    request.on('end', () => {
      this.uploads.push(bytes);
      if (this.refuse) {
        response.statusCode = this.refuse;
        return json(response, {
          type: 'urn:skintag:problem:key',
          status: this.refuse,
          detail: 'Expected the API key.',
        });
      }
      json(response, JSON.parse(readFileSync(here('../fixtures/api/analysis.json'), 'utf-8')));
    });
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(value));
}

function gone(response: ServerResponse): void {
  response.statusCode = 404;
  response.end('not found');
}
