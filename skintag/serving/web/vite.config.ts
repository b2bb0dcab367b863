import react from '@vitejs/plugin-react';
import tailwindcss from '@tailwindcss/vite';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { licencesOf } from './scripts/licences.mjs';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here('package.json'), 'utf-8')) as { version: string };

/** For hosts that set no headers, e.g. Pages; the server says the same, and what a page cannot say of itself. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self' blob: data:",
  "worker-src 'self' blob:",
  "font-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');

function policy(): Plugin {
  return {
    name: 'policy',
    apply: 'build',
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY }, injectTo: 'head-prepend' },
    ],
  };
}

const seen = new Set<string>();

/** Takes down where modules come from; the worker is bundled apart, and before. */
function takeDown(): Plugin {
  return {
    name: 'take-down',
    apply: 'build',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const [id, { renderedLength }] of Object.entries(chunk.modules)) if (renderedLength) seen.add(id);
      }
    },
  };
}

/** The licences of every package that came into the app or its worker, as `licences.json`. */
function licences(): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle() {
      const source = JSON.stringify(licencesOf(seen, here('.')));
      this.emitFile({ type: 'asset', fileName: 'licences.json', source });
    },
  };
}

export default defineConfig({
  base: './',
  define: { __APP_VERSION__: JSON.stringify(version) },
  resolve: { alias: { 'react-style-singleton': here('src/ui/style-singleton.ts') } },
  build: {
    outDir: here('../static'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    manifest: 'build.json',
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es', plugins: () => [takeDown()] },
  server: { fs: { allow: [here('..')] } },
  plugins: [
    react(),
    tailwindcss(),
    policy(),
    takeDown(),
    licences(),
    VitePWA({
      registerType: 'prompt',
      injectRegister: false,
      includeAssets: ['icon.svg', 'icon-180.png'],
      manifest: {
        id: './',
        name: 'SkinTag',
        short_name: 'SkinTag',
        description: 'A calm second look at a spot on your skin. The photo never leaves your device.',
        start_url: './',
        scope: './',
        display: 'standalone',
        background_color: '#f6f0e5',
        theme_color: '#f6f0e5',
        categories: ['health', 'medical'],
        icons: [
          { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
      },
      workbox: {
        globPatterns: ['**/*.{html,js,css,wasm,woff2,svg}', 'licences.json', 'icon-*.png'],
        maximumFileSizeToCacheInBytes: 40 * 2 ** 20,
        navigateFallbackDenylist: [/\/api\//, /\/bundle\//, /\/metrics$/],
        inlineWorkboxRuntime: true,
        cleanupOutdatedCaches: true,
        clientsClaim: true, // flight mode from the first visit on, without having loaded the page again
        sourcemap: false,
      },
    }),
  ],
});
