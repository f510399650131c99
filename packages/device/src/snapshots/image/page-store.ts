/**
 * The pages of the capture before, as they were, so that the next one can say what differs. It may vanish at any time;
 * then the next capture is whole. Its index names the boot that it was written in, since after a crash of the machine
 * pages and index may be of different captures; it is removed before pages change.
 */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { PageRun } from './criu-images.ts'
import { chainSchema } from './image-plan.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const indexSchema = v.object({
  boot: v.string(),
  chain: chainSchema,
  base: v.array(v.string()),
  /** By the key of the process: first page, number of pages, place in its file. */
  runs: v.record(v.string(), v.array(v.tuple([count, count, count]))),
})
export type StoreIndex = v.InferOutput<typeof indexSchema>

export interface PageStore {
  chain: StoreIndex['chain']
  runs: Map<string, PageRun[]>
  /** Part ids of the whole capture, and its other images, packed. */
  base: string[]
  others: Buffer
}

const indexFile = 'index.json'
const othersFile = 'others.packed'
const bootFile = '/proc/sys/kernel/random/boot_id'

export function readStore(folder: string): PageStore | undefined {
  try {
    const index = v.parse(indexSchema, JSON.parse(readFileSync(join(folder, indexFile), 'utf8')))
    if (index.boot !== bootId()) return undefined
    const runs = Object.entries(index.runs).map(
      ([key, list]) => [key, list.map(([start, pages, at]) => ({ start, count: pages, at }))] as const,
    )
    const others = readFileSync(join(folder, othersFile))
    return { chain: index.chain, base: index.base, runs: new Map(runs), others }
  } catch {
    // It is not there, or was left by something that ended in its middle: the capture is whole then.
    return undefined
  }
}

export function forget(folder: string): void {
  rmSync(join(folder, indexFile), { force: true })
}

/** What the pages of before are read from, and those of now are written to. */
export function storeFile(folder: string, key: string): string {
  return join(folder, `${key}.raw`)
}

/** From a whole capture. */
export function fillStore(folder: string, store: PageStore, paths: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [key, path] of paths) copyFileSync(path, storeFile(folder, key))
  writeIndex(folder, store)
}

export function writeIndex(folder: string, { chain, base, runs, others }: PageStore): void {
  writeFileSync(join(folder, othersFile), others, { mode: 0o600 })
  const listed = [...runs].map(([key, list]) => [key, list.map(({ start, count: pages, at }) => [start, pages, at])])
  const index = { boot: bootId(), chain, base, runs: Object.fromEntries(listed) }
  const path = join(folder, indexFile)
  writeFileSync(`${path}.new`, JSON.stringify(index), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function bootId(): string {
  return readFileSync(bootFile, 'latin1').trim()
}
