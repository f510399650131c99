/**
 * Makes parts of what CRIU dumped: pages as differences from the capture before where there is one, the other images
 * packed, files that the session has mapped or open. Runs in a thread of its own, where it may block.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { putBytes, putFile } from './blob-parts.ts'
import { ClosureCache } from './closure-cache.ts'
import { pageMapOf } from './criu-images.ts'
import { encodeDifference, encodeWhole, type ProcessPages } from './encode-pages.ts'
import type { Chain, FileList, ImagePlan } from './image-plan.ts'
import { pack } from './packed-files.ts'
import { fillStore, forget, type PageStore, readStore, writeIndex } from './page-store.ts'
import type { Answers } from './part-calls.ts'

/** So many differences, or so much of the whole in them, and the next capture is whole again. */
const mostDeltas = 20
const mostShare = 0.5
const largeBytes = 256 * 1024

export interface EncodeOrder {
  images: string
  store: string
  closureCache: string
  rootPid: number
  /** `from` is where the bytes are read: as the session sees the file, or a copy made while it stood still. */
  closure: { path: string; from: string; mode: number }[]
  open: { path: string; from: string; bytes: number; mode: number; ofSession: boolean }[]
  fifos: string[]
}

export interface Encoded {
  plan: Pick<ImagePlan, 'chain' | 'pages' | 'large' | 'files'>
  parts: string[]
  whole: boolean
}

export async function encodeImage(order: EncodeOrder, answers: Answers): Promise<Encoded> {
  const names = readdirSync(order.images).filter(isImage)
  const files = await encodeFiles(order, answers)
  const large = await encodeLarge(order.images, names, answers)
  const maps = names.filter(name => name.startsWith('pagemap-')).map(name => mapNamed(order, name))
  const others = pack(
    names
      .filter(name => !name.startsWith('pages-') && !large.some(each => each.name === name))
      .map(name => ({ name, bytes: readFileSync(join(order.images, name)) })),
  )
  const before = await usableStore(order.store, answers)
  const coded = before
    ? await encodeNext(order, maps, others, before, answers)
    : await encodeFirst(order, maps, others, answers)
  const plan = {
    chain: coded.chain,
    pages: maps.map(({ key, name }) => ({ key, file: name })),
    large,
    files: files.parts,
  }
  return { plan, parts: [...new Set([...partsOf(plan), ...coded.base, ...files.all])], whole: before === undefined }
}

function isImage(name: string): boolean {
  return name.endsWith('.img') && !name.startsWith('stats-')
}

interface NamedMap extends Omit<ProcessPages, 'process'> {
  name: string
}

/** The root's number may be another at each capture, as it is a copy; it is known by its place. */
function mapNamed(order: EncodeOrder, name: string): NamedMap {
  const [, shared, id] = /^pagemap-(shmem-)?(\d+)\.img$/.exec(name) ?? []
  const key = shared ? `s${id}` : Number(id) === order.rootPid ? 'root' : `p${id}`
  const map = pageMapOf(readFileSync(join(order.images, name)))
  return { name, key, map, path: join(order.images, map.pagesFile) }
}

async function usableStore(folder: string, answers: Answers): Promise<PageStore | undefined> {
  const store = readStore(folder)
  if (!store) return undefined
  const { chain } = store
  const added = chain.deltas.reduce((sum, { bytes }) => sum + bytes, 0)
  if (chain.deltas.length >= mostDeltas || added > chain.baseBytes * mostShare) return undefined
  const later = [...chain.deltas.flatMap(({ parts }) => parts), ...chain.others.flat(), ...chain.base]
  return (await areThere([...later, ...store.base], answers)) ? store : undefined
}

async function areThere(parts: readonly string[], { has }: Answers): Promise<boolean> {
  const answers = await Promise.all(parts.map(has))
  return answers.every(Boolean)
}

interface Coded {
  chain: Chain
  base: string[]
}

async function encodeFirst(order: EncodeOrder, maps: NamedMap[], others: Buffer, answers: Answers): Promise<Coded> {
  forget(order.store)
  const keys = maps.map(({ key }) => key)
  const processes = maps.map((map, process) => ({ ...map, process }))
  const { parts: base, bytes } = await encodeWhole(processes, answers)
  const chain = {
    keys,
    base: await putBytes(Buffer.from(JSON.stringify(base)), answers),
    baseBytes: bytes,
    deltas: [],
    others: [await putBytes(others, answers)],
  }
  const runs = new Map(maps.map(({ key, map }) => [key, map.runs]))
  fillStore(order.store, { chain, base, runs, others }, new Map(maps.map(({ key, path }) => [key, path])))
  return { chain, base }
}

async function encodeNext(
  order: EncodeOrder,
  maps: NamedMap[],
  others: Buffer,
  before: PageStore,
  answers: Answers,
): Promise<Coded> {
  const keys = [...new Set([...before.chain.keys, ...maps.map(({ key }) => key)])]
  const processes = maps.map(map => ({ ...map, process: keys.indexOf(map.key) }))
  const capture = before.chain.deltas.length + 1
  const difference = await encodeDifference(processes, before.runs, { store: order.store, capture }, answers)
  const chain = {
    ...before.chain,
    keys,
    deltas: [...before.chain.deltas, { parts: difference.parts, bytes: difference.bytes }],
    others: [...before.chain.others, await putBytes(others, answers, before.others)],
  }
  forget(order.store)
  const runs = difference.apply()
  writeIndex(order.store, { chain, base: before.base, runs, others })
  return { chain, base: before.base }
}

async function encodeLarge(folder: string, names: readonly string[], answers: Answers): Promise<ImagePlan['large']> {
  const large: ImagePlan['large'] = []
  for (const name of names) {
    const { size } = statSync(join(folder, name))
    if (/^(pages|pagemap|core|mm)-/.test(name) || size <= largeBytes) continue
    const { parts } = await putFile(join(folder, name), size, answers)
    large.push({ name, bytes: size, parts })
  }
  return large
}

async function encodeFiles(order: EncodeOrder, answers: Answers): Promise<{ parts: string[]; all: string[] }> {
  const cache = new ClosureCache(order.closureCache)
  const closure: FileList['closure'] = []
  for (const { path, from, mode } of order.closure) closure.push({ path, mode, ...(await cache.put(from, answers)) })
  cache.save()
  const open: FileList['open'] = []
  for (const { path, from, bytes, mode, ofSession } of order.open) {
    const { parts, sha256 } = await putFile(from, bytes, answers)
    open.push({ path, bytes, mode, ofSession, sha256, parts })
  }
  const list: FileList = { closure, open, fifos: order.fifos }
  const parts = await putBytes(Buffer.from(JSON.stringify(list)), answers)
  return { parts, all: [...closure, ...open].flatMap(file => file.parts) }
}

/** Those that the plan itself names. */
export function partsOf({ chain, large, files }: Encoded['plan']): string[] {
  return [
    ...chain.base,
    ...chain.deltas.flatMap(({ parts }) => parts),
    ...chain.others.flat(),
    ...large.flatMap(({ parts }) => parts),
    ...files,
  ]
}
