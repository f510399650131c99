/** Builds the portal, `/portal/`: tasks, runs and devices in one place, without notebooks. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import preact from '@preact/preset-vite'
import { type InlineConfig, minifySync, type Plugin } from 'vite'
import { alias, nonceWord, smaller } from './vite.shared.ts'

const here = import.meta.dirname

/** A theme that was chosen applies before the first picture. */
const theme: Plugin = {
  name: 'theme',
  transformIndexHtml: html => {
    const { code } = minifySync('theme.js', readFileSync(join(here, 'public/theme.js'), 'utf8'))
    return html.replace('<!-- theme -->', () => `<script nonce="${nonceWord}">${code.trim()}</script>`)
  },
}

export const portal: InlineConfig = {
  configFile: false,
  root: join(here, 'portal'),
  base: '/portal/',
  logLevel: 'warn',
  plugins: [smaller, theme, preact()],
  resolve: { alias },
  html: { cspNonce: nonceWord },
  build: {
    target: 'es2022',
    outDir: join(here, 'dist/portal'),
    emptyOutDir: true,
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
  },
}
