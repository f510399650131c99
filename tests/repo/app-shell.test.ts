/** What a notebook loads before its editor (NB62), read from the built files: what is not imported lazily counts. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

const dist = join(import.meta.dirname, '../../packages/web/dist')
const mostBytes = 120 * 1024

interface Chunk {
  file: string
  imports?: string[]
  css?: string[]
}
type Manifest = Record<string, Chunk>

/** The chunk of a source file and all that it imports at once. */
function closure(manifest: Manifest, source: string, files: Set<string>): void {
  const chunk = manifest[source]
  assert.ok(chunk, `${source} is a chunk of the build`)
  if (files.has(chunk.file)) return
  for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file)
  for (const next of chunk.imports ?? []) closure(manifest, next, files)
}

test('NB62 the app shell and the notebook page are at most 120 KB before the editor, gzipped', () => {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')) as Manifest
  const files = new Set(['index.html', 'theme.js'])
  for (const source of ['index.html', 'src/notebook/notebook-page.tsx', 'src/notebook/markdown.ts'])
    closure(manifest, source, files)
  const css = Object.values(manifest).flatMap(({ file }) => (file.endsWith('.css') ? [file] : []))
  for (const file of css) files.add(file)
  const sizes = [...files]
    .filter(file => existsSync(join(dist, file)))
    .map(file => [file, gzipSync(readFileSync(join(dist, file))).length] as const)
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  assert.ok(![...files].some(file => file.includes('code-editor')), 'the editor is a chunk of its own')
  assert.ok(total <= mostBytes, `${total} bytes: ${sizes.map(([file, bytes]) => `${file} ${bytes}`).join(', ')}`)
})
