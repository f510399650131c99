/** Builds the phone's app, `/m/`, and then its service worker, which knows the names of all files of that build. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import preact from '@preact/preset-vite'
import { type InlineConfig, minifySync, type Plugin } from 'vite'
import { phoneChunkOf } from './bundle/phone-chunks.ts'
import { alias, nonceWord, smaller } from './vite.shared.ts'

const here = import.meta.dirname
const out = join(here, 'dist/m')

/** Asks for the first list while the app is loading (PH3): no request of its own may stand before that. */
const early: Plugin = {
  name: 'early',
  transformIndexHtml: html => {
    const { code } = minifySync('early.js', readFileSync(join(here, 'src/phone/early.js'), 'utf8'))
    return html.replace('<!-- early -->', () => `<script nonce="${nonceWord}">${code.trim()}</script>`)
  },
}

export const phone: InlineConfig = {
  configFile: false,
  root: join(here, 'phone'),
  base: '/m/',
  logLevel: 'warn',
  plugins: [smaller, early, preact()],
  resolve: { alias },
  html: { cspNonce: nonceWord },
  build: {
    target: 'es2022',
    outDir: out,
    emptyOutDir: true,
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [{ name: phoneChunkOf, debugName: 'shell and reader', test: /\.m?[jt]sx?$/ }],
        },
      },
    },
  },
}

/** Drawn by what some notebooks alone have; kept when they are met, or while nothing else is to be done (PH11). */
const laterBytes = 60_000
const isLater = (file: string): boolean =>
  /\.woff2$/.test(file) || gzipSync(readFileSync(join(out, file))).length > laterBytes

/** The files of the build, by their addresses. */
function filesOf(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
  const paths = found.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  return (
    paths
      .map(path => path.slice(folder.length))
      // Of fonts only what every browser that has workers takes, which is all that is served.
      .filter(path => !/^\/\.vite|^\/screenshots|\.html$|\.(?:gz|br|ttf|woff)$/.test(path))
      .sort()
  )
}

export function phoneWorker(): InlineConfig {
  const files = filesOf(out)
  const hash = createHash('sha256').update(readFileSync(join(out, 'index.html')))
  for (const file of files) hash.update(file).update(readFileSync(join(out, file)))
  const version = hash.digest('hex').slice(0, 16)
  return {
    configFile: false,
    root: join(here, 'src/phone/worker'),
    logLevel: 'warn',
    plugins: [smaller],
    define: {
      __SHELL_FILES__: JSON.stringify(files.filter(file => !isLater(file)).map(file => `/m${file}`)),
      __LATER_FILES__: JSON.stringify(files.filter(isLater).map(file => `/m${file}`)),
      __SHELL_VERSION__: JSON.stringify(version),
    },
    build: {
      target: 'es2022',
      outDir: out,
      emptyOutDir: false,
      sourcemap: false,
      lib: {
        entry: join(here, 'src/phone/worker/main.ts'),
        formats: ['iife'],
        name: 'meshbook',
        fileName: () => 'sw.js',
      },
    },
  }
}
