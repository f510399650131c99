/** What the portal loads before its first list, read from the built files (PO2). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

const dist = join(import.meta.dirname, '../../packages/web/dist/portal')
const mostBytes = 75 * 1024

interface Chunk {
  file: string
  imports?: string[]
  css?: string[]
}

test('PO2 the portal loads at most 75 KB before its first list, gzipped, and neither editor nor documents', () => {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>
  const files = new Set(['index.html'])
  const add = (name: string) => {
    const chunk = manifest[name] ?? assert.fail(`${name} is a chunk of the build`)
    if (files.has(chunk.file)) return
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file)
    for (const next of chunk.imports ?? []) add(next)
  }
  add('index.html')
  const sizes = [...files].map(file => [file, gzipSync(readFileSync(join(dist, file))).length] as const)
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  assert.ok(total <= mostBytes, `${total} bytes: ${sizes.map(([file, bytes]) => `${file} ${bytes}`).join(', ')}`)
  const all = Object.keys(manifest).join('\n')
  assert.doesNotMatch(all, /codemirror|yjs|y-protocols/)
})
