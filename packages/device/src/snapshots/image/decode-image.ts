/**
 * Makes CRIU's image files, the closure and the open files of parts again, and checks all that can be checked: names,
 * lengths, hashes, that every page is given. Nothing of it is executed. Runs in a thread of its own, where it may block.
 */
import { createHash, randomUUID } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  write as writeWithCallback,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'
import { getBytes, getChunks, readFully } from './blob-parts.ts'
import { decompress } from './compression.ts'
import { messagesOf, type PageMap, pageBytes, pageMapOf, treeOf } from './criu-images.ts'
import { writeFully } from './encode-pages.ts'
import { fileListSchema, type ImagePlan, imagePlanSchema, type ListedFile, partListSchema } from './image-plan.ts'
import { InFlight } from './in-flight.ts'
import { type PackedFile, unpack } from './packed-files.ts'
import { type DecodedRun, decodePart, partPages, runKinds, xorInto } from './page-parts.ts'
import { placesOf } from './page-runs.ts'
import type { Answers } from './part-calls.ts'
import { closurePath, hashOf } from './restore-mounts.ts'
import { MalformedImage } from './wire-message.ts'

const flights = 6
const write = promisify(writeWithCallback)
const mostPartBytes = partPages * (pageBytes + 16) + 64

export interface DecodeOrder {
  plan: unknown
  folder: string
  /** Files of closures by their hash, for all sessions. */
  closureStore: string
  /** Of all pages of all captures, and of files. */
  mostBytes: number
}

export const openedNames = { images: 'images', open: 'open', plan: 'plan.json', files: 'files.json' } as const

export async function decodeImage(order: DecodeOrder, answers: Answers): Promise<void> {
  try {
    await decodeAll(order, answers)
  } catch (error) {
    if (error instanceof MalformedImage || v.isValiError(error) || error instanceof SyntaxError)
      throw new MeshError('SNAPSHOT_REFUSED', { detail: error.message })
    throw error
  }
}

async function decodeAll(order: DecodeOrder, answers: Answers): Promise<void> {
  const plan = v.parse(imagePlanSchema, order.plan)
  const images = join(order.folder, openedNames.images)
  mkdirSync(images, { recursive: true, mode: 0o700 })
  mkdirSync(join(order.folder, openedNames.open), { recursive: true, mode: 0o700 })
  mkdirSync(order.closureStore, { recursive: true, mode: 0o700 })
  const base = v.parse(partListSchema, await readJson(plan.chain.base, answers))
  const files = v.parse(fileListSchema, await readJson(plan.files, answers))
  const counted = countParts(plan, base, [...files.closure, ...files.open], answers)
  const others = await decodeOthers(plan, counted)
  checkNames(plan, others)
  for (const { name, bytes } of others) writeFileSync(join(images, name), bytes, { mode: 0o600, flag: 'wx' })
  for (const { name, bytes, parts } of plan.large) await writeLarge(join(images, name), bytes, parts, counted)
  await decodePages(plan, base, others, { images, mostBytes: order.mostBytes }, counted)
  for (const file of files.closure) await decodeShared(file, closurePath(order.closureStore, file), counted)
  for (const [index, file] of files.open.entries())
    await decodeFile(file, join(order.folder, openedNames.open, String(index)), counted)
  writeFileSync(join(order.folder, openedNames.files), JSON.stringify(files), { mode: 0o600 })
  writeFileSync(join(order.folder, openedNames.plan), JSON.stringify(plan), { mode: 0o600 })
}

async function readJson(parts: readonly string[], answers: Answers): Promise<unknown> {
  return JSON.parse((await getBytes(parts, answers)).toString('utf8'))
}

/** Tells progress in parts. */
function countParts(plan: ImagePlan, base: string[], files: ListedFile[], answers: Answers): Pick<Answers, 'get'> {
  const { deltas, others } = plan.chain
  const total = [base, ...deltas.map(({ parts }) => parts), ...others, ...plan.large.map(({ parts }) => parts)]
  const all = total.flat().length + files.flatMap(({ parts }) => parts).length
  let done = 0
  return {
    get: async part => {
      const bytes = await answers.get(part)
      answers.progress(Math.min(++done, all), all)
      return bytes
    },
  }
}

async function decodeOthers({ chain }: ImagePlan, answers: Pick<Answers, 'get'>): Promise<PackedFile[]> {
  if (chain.others.length !== chain.deltas.length + 1) throw new MalformedImage('captures are missing in between')
  let packed: Buffer | undefined
  for (const parts of chain.others) packed = await getBytes(parts, answers, packed)
  return unpack(packed!)
}

/** Every file that is named is an image, named once, and what the plan names is there. */
function checkNames(plan: ImagePlan, others: readonly PackedFile[]): void {
  const names = [...others.map(({ name }) => name), ...plan.large.map(({ name }) => name)]
  if (new Set(names).size !== names.length) throw new MalformedImage('two images have one name')
  const odd = names.find(name => !/^[a-z0-9]+(-[a-z0-9]+)*\.img$/i.test(name) || /^pages-/.test(name))
  if (odd !== undefined) throw new MalformedImage('an image has a name that none has')
  for (const name of ['inventory.img', 'pstree.img', 'files.img', ...plan.pages.map(({ file }) => file)])
    if (!names.includes(name)) throw new MalformedImage(`the image ${name} is missing`)
  const maps = names.filter(name => name.startsWith('pagemap-'))
  if (maps.length !== plan.pages.length) throw new MalformedImage('images of pages are not those that are named')
  for (const { name, bytes } of others) if (name.endsWith('.img')) messagesOrRaw(name, bytes)
  const tree = treeOf(others.find(({ name }) => name === 'pstree.img')!.bytes)
  if (!plan.ownNamespace && tree[0]!.pid !== plan.rootPid) throw new MalformedImage('the first process is another')
  for (const { pid, threads } of tree)
    if (Math.max(pid, ...threads) > plan.mostPid) throw new MalformedImage('a process has a number that is not named')
}

/** Some images are not made of messages alone; those that are must be whole. */
function messagesOrRaw(name: string, bytes: Buffer): void {
  if (/^(core|mm|files|fdinfo|fs|ids|inventory|pstree)\b/.test(name)) messagesOf(bytes)
}

async function writeLarge(path: string, bytes: number, parts: string[], answers: Pick<Answers, 'get'>): Promise<void> {
  const { length } = await writeChunks(path, parts, answers)
  if (length !== bytes) throw new MalformedImage('an image has another length than it is to have')
}

interface Target {
  map: PageMap
  file: number
  /** A bit for every page that was given. */
  given: Uint8Array
}

async function decodePages(
  plan: ImagePlan,
  base: readonly string[],
  others: readonly PackedFile[],
  { images, mostBytes }: { images: string; mostBytes: number },
  answers: Pick<Answers, 'get'>,
): Promise<void> {
  const targets = new Map<string, Target>()
  try {
    let total = 0
    for (const { key, file } of plan.pages) {
      const map = pageMapOf(others.find(({ name }) => name === file)!.bytes)
      total += map.pages * pageBytes
      if (total > mostBytes) throw new MalformedImage('it is larger than a saved session may be')
      const target = openSync(join(images, map.pagesFile), 'wx+', 0o600)
      targets.set(key, { map, file: target, given: new Uint8Array(map.pages) })
      ftruncateSync(target, map.pages * pageBytes)
    }
    for (const [capture, parts] of [base, ...plan.chain.deltas.map(delta => delta.parts)].entries())
      await decodeParts(parts, { capture, keys: plan.chain.keys, targets }, answers)
    for (const { given } of targets.values())
      if (given.includes(0)) throw new MalformedImage('pages of memory are missing')
  } finally {
    for (const { file } of targets.values()) closeSync(file)
  }
}

/** Parts of one capture have no page in common, so their order does not matter. */
async function decodeParts(
  parts: readonly string[],
  { capture, keys, targets }: { capture: number; keys: readonly string[]; targets: ReadonlyMap<string, Target> },
  answers: Pick<Answers, 'get'>,
): Promise<void> {
  const flight = new InFlight(flights)
  for (const [number, part] of parts.entries())
    await flight.add(async () => {
      const place = { capture, index: capture === 0 ? 0 : number }
      const runs = decodePart(await decompress(await answers.get(part), mostPartBytes), place)
      for (const run of runs) {
        const key = keys[run.process]
        if (key === undefined) throw new MalformedImage('pages belong to no process')
        const target = targets.get(key)
        if (target) await writeRun(run, target)
      }
    })
  await flight.end()
}

/** Pages that are no more in the last capture are passed over. */
async function writeRun(run: DecodedRun, { map, file, given }: Target): Promise<void> {
  for (const { at, skip, count } of placesOf(map.runs, run.start, run.count)) {
    const bytes = run.bytes.subarray(skip * pageBytes, (skip + count) * pageBytes)
    if (run.kind === runKinds.xor) {
      if (given.subarray(at, at + count).includes(0))
        throw new MalformedImage('what changed is there, but not what it was')
      const before = Buffer.allocUnsafeSlow(bytes.length)
      readFully(file, before, at * pageBytes)
      xorInto(before, bytes)
      await writeAt(file, before, at * pageBytes)
    } else {
      await writeAt(file, bytes, at * pageBytes)
      given.fill(1, at, at + count)
    }
  }
}

/** Beside other writes, which are in other places. */
async function writeAt(file: number, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await write(file, bytes, done, bytes.length - done, at + done)).bytesWritten
}

/** One that is there whole is not fetched again. */
async function decodeShared(entry: ListedFile, path: string, answers: Pick<Answers, 'get'>): Promise<void> {
  if (existsSync(path) && statSync(path).size === entry.bytes && (await hashOf(path)) === entry.sha256) return
  await decodeFile(entry, path, answers)
}

/** Under its name only when it is whole. */
async function decodeFile(entry: ListedFile, path: string, answers: Pick<Answers, 'get'>): Promise<void> {
  const aside = join(dirname(path), `.${randomUUID()}.new`)
  try {
    const { length, sha256 } = await writeChunks(aside, entry.parts, answers)
    if (length !== entry.bytes || sha256 !== entry.sha256)
      throw new MalformedImage(`${entry.path} is not what it was when it was saved`)
    chmodSync(aside, entry.mode & 0o7777)
    renameSync(aside, path)
  } finally {
    rmSync(aside, { force: true })
  }
}

async function writeChunks(
  path: string,
  parts: readonly string[],
  answers: Pick<Answers, 'get'>,
): Promise<{ length: number; sha256: string }> {
  rmSync(path, { force: true })
  const file = openSync(path, 'wx', 0o600)
  const hash = createHash('sha256')
  let length = 0
  try {
    for await (const chunk of getChunks(parts, answers)) {
      writeFully(file, chunk, length)
      hash.update(chunk)
      length += chunk.length
    }
  } finally {
    closeSync(file)
  }
  return { length, sha256: hash.digest('hex') }
}
