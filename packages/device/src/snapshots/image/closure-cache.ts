/**
 * Which parts a file of the system was stored as, by its path and what changes with its content, so that it is read once
 * and not at each capture. It may vanish at any time.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { partIdSchema } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'
import { putFile } from './blob-parts.ts'
import type { Answers } from './part-calls.ts'

const rowSchema = v.object({
  sha256: v.string(),
  bytes: v.number(),
  parts: v.array(partIdSchema),
})
type Row = v.InferOutput<typeof rowSchema>
const rowsSchema = v.record(v.string(), rowSchema)
const mostRows = 20_000

export class ClosureCache {
  readonly #path: string
  readonly #rows: Map<string, Row>
  #isNew = false

  constructor(path: string) {
    this.#path = path
    this.#rows = new Map(Object.entries(read(path)))
  }

  async put(path: string, answers: Pick<Answers, 'put' | 'has'>): Promise<Row> {
    const stat = statSync(path, { bigint: true })
    const key = [path.replace(/^\/proc\/\d+\/root\//, '/'), stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join('|')
    const known = this.#rows.get(key)
    if (known && (await Promise.all(known.parts.map(part => answers.has(part)))).every(Boolean)) return known
    const bytes = Number(stat.size)
    const { parts, sha256 } = await putFile(path, bytes, answers)
    const row = { sha256, bytes, parts }
    this.#rows.delete(key)
    this.#rows.set(key, row)
    this.#isNew = true
    return row
  }

  save(): void {
    if (!this.#isNew) return
    const rows = [...this.#rows].slice(-mostRows)
    const aside = `${this.#path}.${process.pid}.new`
    writeFileSync(aside, JSON.stringify(Object.fromEntries(rows)), { mode: 0o600 })
    renameSync(aside, this.#path)
  }
}

function read(path: string): Record<string, Row> {
  try {
    return v.parse(rowsSchema, JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // Not there, or not whole: everything is read again.
    return {}
  }
}
