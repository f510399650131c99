/**
 * What is loaded before the editor (NB62), read from the built files: the frame of the window, and beside it all that a
 * notebook page loads to show text and outputs. What is not imported lazily counts, with its style.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { errors } from '@meshbook/core/errors.ts'

const dist = join(import.meta.dirname, '../../packages/web/dist')
const shellBytes = 50 * 1024
const notebookBytes = 120 * 1024

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

/** The gzipped bytes of what these sources load, with the page itself and its style. */
function loadedBytes(sources: readonly string[]): { total: number; each: string } {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')) as Manifest
  const files = new Set(['index.html', 'theme.js'])
  for (const source of sources) closure(manifest, source, files)
  assert.ok(![...files].some(file => file.includes('code-editor')), 'the editor is a chunk of its own')
  assert.ok(
    [...files].some(file => file.endsWith('.css')),
    'the look counts',
  )
  const sizes = [...files].map(file => [file, gzipSync(readFileSync(join(dist, file))).length] as const)
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  return { total, each: sizes.map(([file, bytes]) => `${file} ${bytes}`).join(', ') }
}

test('NB62 the frame of the window is at most 50 KB, gzipped', () => {
  const { total, each } = loadedBytes(['index.html'])
  assert.ok(total <= shellBytes, `${total} bytes: ${each}`)
})

test('NB62 with all that a notebook of prose, code and text needs before its editor the app shell is at most 120 KB', () => {
  const { total, each } = loadedBytes(['index.html', 'src/notebook/notebook-page.tsx'])
  assert.ok(total <= notebookBytes, `${total} bytes: ${each}`)
})

test('NB62 what checks HTML, draws rich outputs or does something comes later', () => {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')) as Manifest
  const files = new Set<string>()
  for (const source of ['index.html', 'src/notebook/notebook-page.tsx']) closure(manifest, source, files)
  for (const late of ['prose/safe-html.ts', 'notebook/rich-output.tsx', 'notebook/doing.ts', 'shell/later.ts'])
    assert.ok(!files.has(manifest[`src/${late}`]?.file ?? assert.fail(`${late} is no chunk`)), `${late} comes later`)
})

test('NB63 the words for a lost connection are in the frame, those that the hub sends are not', () => {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')) as Manifest
  const files = new Set<string>()
  closure(manifest, 'index.html', files)
  const text = [...files].map(file => readFileSync(join(dist, file), 'utf8')).join('\n')
  for (const code of Object.keys(errors)) assert.ok(text.includes(code), `${code} is known`)
  for (const code of ['UNREACHABLE', 'TIMEOUT'] as const) assert.ok(text.includes(errors[code].message), code)
  for (const code of ['LAST_WAY_IN', 'SIGN_IN_REFUSED'] as const) assert.ok(!text.includes(errors[code].message), code)
})
