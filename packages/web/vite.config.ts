/** Builds the web app. The hub serves `dist/` as it is. */
import preact from '@preact/preset-vite'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [preact()],
  // The hub replaces this word in index.html by a fresh nonce and names it in the page's policy.
  html: { cspNonce: 'MESHBOOK_NONCE' },
  build: { target: 'es2022', sourcemap: false, cssCodeSplit: false, modulePreload: { polyfill: false } },
})
