import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Where the Go server listens in development; the browser only ever talks to Vite.
const server =
  (globalThis as unknown as { process: { env: Record<string, string | undefined> } }).process.env
    .FOLIOSCOPE_DEV_SERVER ?? 'http://localhost:8080';

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Inlined assets would need data: in font-src, which the policy of the server does not allow.
    assetsInlineLimit: 0,
    // The polyfill is an inline script in spirit; every target browser knows modulepreload.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // Vitest must load Svelte's browser build, or mount() does not exist.
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  server: {
    proxy: { '/api': { target: server, changeOrigin: false }, '/healthz': server, '/readyz': server },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/test/setup.ts'],
    restoreMocks: true,
  },
}));
