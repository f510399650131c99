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

/** Files of workflows are checked with their places in the text, which what stands in for `yaml` does not have. */
const wholeYaml: Plugin = {
  name: 'whole-yaml',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('/workflow/parse-workflow.ts') ? code.replace("from 'yaml'", "from 'virtual:full-yaml'") : undefined,
}

export const portal: InlineConfig = {
  configFile: false,
  root: join(here, 'portal'),
  base: '/portal/',
  logLevel: 'warn',
  plugins: [smaller, wholeYaml, theme, preact()],
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
