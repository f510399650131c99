/**
 * What the last capture of a session has cut: rows of files that are as before need not be read again, pieces that are as
 * before not compressed again. It may be gone at any time, and then all is done anew.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashSchema } from '@meshbook/core/messages.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
/** Hash of the piece, part, length of the piece. */
const pieceSchema = v.tuple([hashSchema, hashSchema, count])
const knownSchema = v.record(v.string(), v.array(pieceSchema))
export type KnownPiece = v.InferOutput<typeof pieceSchema>

export class KnownParts {
  readonly #path: string
  #rows = new Map<string, KnownPiece[]>()
  #parts = new Map<string, PartId>()
  readonly #now = new Map<string, KnownPiece[]>()

  constructor(folder: string) {
    this.#path = join(folder, 'known-parts.json')
  }

  async load(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '{}')
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), knownSchema), text)
    this.#rows = new Map(parsed.success ? Object.entries(parsed.output) : [])
    for (const pieces of this.#rows.values()) for (const [sha256, part] of pieces) this.#parts.set(sha256, part)
  }

  row(key: string): KnownPiece[] | undefined {
    return this.#rows.get(key)
  }

  part(sha256: string): PartId | undefined {
    return this.#parts.get(sha256)
  }

  note(key: string, pieces: KnownPiece[]): void {
    this.#now.set(key, pieces)
    for (const [sha256, part] of pieces) this.#parts.set(sha256, part)
  }

  /** What this capture has noted takes the place of what the last one had. */
  async save(): Promise<void> {
    await writeFile(`${this.#path}.part`, JSON.stringify(Object.fromEntries(this.#now)), { mode: 0o600 })
    await rename(`${this.#path}.part`, this.#path)
  }
}
