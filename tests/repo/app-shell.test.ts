/**
 * What is loaded before the editor (NB62), read from the built files: the frame of the window, and beside it all that a
 * notebook page loads to show text and outputs. What is not imported lazily counts, with its style.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

const dist = join(import.meta.dirname, '../../packages/web/dist')
const shellBytes = 120 * 1024
const notebookBytes = 167 * 1024

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

test('NB62 the app shell is at most 120 KB, gzipped', () => {
  const { total, each } = loadedBytes(['index.html'])
  assert.ok(total <= shellBytes, `${total} bytes: ${each}`)
})

test('NB62 with all that a notebook needs before its editor it does not grow beyond what it is', () => {
  const { total, each } = loadedBytes(['index.html', 'src/notebook/notebook-page.tsx', 'src/notebook/markdown.ts'])
  assert.ok(total <= notebookBytes, `${total} bytes: ${each}`)
})
