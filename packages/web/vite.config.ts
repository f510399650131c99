/** Builds the web app. The hub serves `dist/` as it is. */
import { fileURLToPath } from 'node:url'
import preact from '@preact/preset-vite'
import { defineConfig } from 'vite'
import { chunkOf } from './bundle/chunks.ts'
import { fewErrorTexts, lexerAlone, oneEnvironment, plainLimits, schemasWhenUsed } from './bundle/smaller-code.ts'

const inSource = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const fullYaml = fileURLToPath(new URL('../browser/index.js', import.meta.resolve('yaml')))

export default defineConfig({
  root: import.meta.dirname,
  plugins: [plainLimits, schemasWhenUsed, fewErrorTexts, lexerAlone, oneEnvironment, preact()],
  resolve: {
    alias: [
      { find: /^yaml$/, replacement: inSource('src/notebook/yaml-when-needed.ts') },
      { find: /^virtual:full-yaml$/, replacement: fullYaml },
      { find: /^lib0\/logging$/, replacement: inSource('src/sync/library-warnings.ts') },
    ],
  },
  // The hub replaces this word in index.html by a fresh nonce and names it in the page's policy.
  html: { cspNonce: 'MESHBOOK_NONCE' },
  build: {
    target: 'es2022',
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [{ name: chunkOf, debugName: 'frame and notebook', test: /\.m?[jt]sx?$/ }],
        },
      },
    },
  },
})
