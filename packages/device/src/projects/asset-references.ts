/** Which files the notebooks of a folder name by relative path, anywhere in their text. Reads a notebook again only when it changed. */
import { posix } from 'node:path'
import { type FileStamp, sameStamp } from './disk.ts'

export class AssetReferences {
  readonly #textAt: (path: string) => Promise<string | undefined>
  readonly #read = new Map<string, { stamp: FileStamp; named: Set<string> }>()
  #candidates = new Set<string>()
  #named: ReadonlySet<string> = new Set()

  constructor(textAt: (path: string) => Promise<string | undefined>) {
    this.#textAt = textAt
  }

  has(path: string): boolean {
    return this.#named.has(path)
  }

  /** `candidates` are the files whose content is not here; where there are none, nothing is read. */
  async look(candidates: ReadonlySet<string>, notebooks: ReadonlyMap<string, FileStamp>): Promise<void> {
    if ([...candidates].some(path => !this.#candidates.has(path))) this.#read.clear()
    this.#candidates = new Set(candidates)
    for (const path of this.#read.keys()) if (!notebooks.has(path)) this.#read.delete(path)
    if (candidates.size > 0) for (const [path, stamp] of notebooks) await this.#lookAt(path, stamp)
    this.#named = new Set([...this.#read.values()].flatMap(({ named }) => [...named]))
  }

  async #lookAt(notebook: string, stamp: FileStamp): Promise<void> {
    if (sameStamp(this.#read.get(notebook)?.stamp, stamp)) return
    const text = await this.#textAt(notebook).catch(() => undefined)
    this.#read.set(notebook, { stamp, named: namedIn(text ?? '', notebook, this.#candidates) })
  }
}

function namedIn(text: string, notebook: string, candidates: ReadonlySet<string>): Set<string> {
  const named = [...candidates].filter(path => {
    const relative = posix.relative(posix.dirname(notebook), path)
    return text.includes(relative) || text.includes(encodeURI(relative))
  })
  return new Set(named)
}
