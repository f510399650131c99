/**
 * The contract of a kernel that saves its variables (KN51, KN52), with the portable backend around it: what is captured of
 * one session is opened and made in another one, which has seen nothing of it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { KernelClient, type NumberedKernelEvent } from '@meshbook/device/kernels/kernel-client.ts'
import { launch } from '@meshbook/device/kernels/launch.ts'
import type { KernelSession, KernelSessions, SessionSpec } from '@meshbook/device/kernels/port.ts'
import { killTree, markOf } from '@meshbook/device/kernels/process-tree.ts'
import type { Capture, PartSink, PartSource } from '@meshbook/device/snapshots/port.ts'
import { createPortableBackend } from '@meshbook/device/snapshots/portable/portable-backend.ts'
import { type Bed, type BedKernel, bed, execute, newRun, order, outcome, when } from './kernel.ts'

export interface SavingLanguage extends BedKernel {
  /** Makes all kinds of state, and what cannot be saved. */
  make: string
  /** Prints what of it is there; the same in both sessions. */
  show: string
  shown: string
  /** Changes shared objects through one of their names and prints them through another. */
  change: { code: string; printed: string } | undefined
  /** Names that cannot be saved, with what the reason says. */
  lost: Record<string, RegExp>
  /** Where it stays below that, what is made is as before. */
  small: { code: string; mostBytes: number }
  busy: string
  /** Prints something that only a session without the saved one's state prints. */
  isFresh: { code: string; printed: string }
}

/** Parts in memory, under the hash of what is in them. */
class Parts implements PartSink, PartSource {
  readonly #all = new Map<string, Uint8Array>()
  addedBytes = 0

  async put(bytes: Uint8Array): Promise<string> {
    const id = createHash('sha256').update(bytes).digest('hex')
    if (!this.#all.has(id)) this.addedBytes += bytes.length
    this.#all.set(id, bytes)
    return id
  }

  async has(part: string): Promise<boolean> {
    return this.#all.has(part)
  }

  async get(part: string): Promise<Uint8Array> {
    const found = this.#all.get(part)
    if (!found) throw new MeshError('SNAPSHOT_REFUSED')
    return found
  }
}

export interface SavingBed extends Bed {
  session: KernelSession
  parts: Parts
  capture(session?: KernelSession): Promise<Capture>
  /** A fresh session, in another project, made of what was captured. */
  restored(captured: Capture, other?: Partial<SessionSpec>): Promise<KernelSession>
  opened(captured: Capture): Promise<string>
  started(folder: string, other?: Partial<SessionSpec>): Promise<KernelSession>
}

export async function savingBed(t: TestContext, kernel: BedKernel): Promise<SavingBed> {
  const it = await bed(t, kernel)
  const session = await it.sessions.start(it.spec)
  const parts = new Parts()
  const backend = createPortableBackend({ kernels: it.sessions, limits })
  const signal = AbortSignal.timeout(500_000)
  const near = (name: string) => mkdtemp(join(it.folder, '..', name))
  const work = await near('work-')
  const opened = async ({ plan }: Capture) => {
    const folder = await near('opened-')
    await backend.open(JSON.parse(JSON.stringify(plan)), { source: parts, folder, signal, progress: () => undefined })
    return folder
  }
  const started = async (folder: string, other: Partial<SessionSpec> = {}) => {
    const projectFolder = await near('elsewhere-')
    // Where the programs of this suite work; the rest of the project has not arrived.
    await mkdir(join(projectFolder, 'below'))
    const spec = { ...it.spec, ...fresh(), projectFolder, ...other }
    t.after(() => ended(it.sessions, spec))
    return it.sessions.start(spec, { from: await backend.start(folder, spec, signal), notice: 'State as of 14:02.' })
  }
  return {
    ...it,
    session,
    parts,
    opened,
    started,
    capture: (from = session) => backend.capture(from, { sink: parts, workFolder: work, signal }),
    restored: async (captured, other) => started(await opened(captured), other),
  }
}

const fresh = () => ({
  session: newId('session', Date.now(), systemRandom),
  head: newId('head', Date.now(), systemRandom),
})

/** A start that failed has left none. */
async function ended(sessions: KernelSessions, spec: SessionSpec): Promise<void> {
  const left = (await sessions.recover()).find(({ session }) => session.spec.session === spec.session)
  await left?.session.shutdown()
}

export async function runs(session: KernelSession, code: string): Promise<string> {
  const { stdout, stderr, last } = await execute(session, code)
  assert.equal(last.type, 'completed', `${JSON.stringify(last)}\n${stderr}`)
  return stdout
}

const failed = (error: unknown) => error instanceof MeshError
const refused = (error: unknown) => error instanceof MeshError && error.code === 'SNAPSHOT_REFUSED'

export function savingContract(language: SavingLanguage): void {
  const name = language.kernelspec === undefined ? language.language : `${language.kernelspec} (Jupyter)`

  test(`${name}: what is saved is made elsewhere, and what is lost is named (KN51, KN52)`, async t => {
    const it = await savingBed(t, language)
    await runs(it.session, language.make)
    const captured = await it.capture()
    for (const [lost, reason] of Object.entries(language.lost)) {
      const item = captured.lost.find(each => each.name === lost)
      assert.match(item?.reason ?? 'it is not named', reason, lost)
    }
    const unexpected = captured.lost.filter(each => !(each.name in language.lost))
    assert.deepEqual(unexpected, [])
    assert.ok(captured.inside.variables.length > 0)
    assert.equal(await runs(it.session, language.show), language.shown, 'the session itself goes on')
    const there = await it.restored(captured)
    assert.equal(await runs(there, language.show), language.shown)
    const { change } = language
    if (change) assert.equal(await runs(there, change.code), change.printed, 'aliases stay aliases')
    const again = await it.restored(await it.capture(there))
    assert.equal(await runs(again, language.show).then(text => text.length > 0), true, 'and from there on once more')
  })

  test(`${name}: what is saved twice has the same bytes, and a small change changes few (KN51)`, async t => {
    const it = await savingBed(t, language)
    await runs(it.session, language.make)
    await it.capture()
    it.parts.addedBytes = 0
    await it.capture()
    assert.equal(it.parts.addedBytes, 0)
    await runs(it.session, language.small.code)
    await it.capture()
    assert.ok(it.parts.addedBytes <= language.small.mostBytes, `${it.parts.addedBytes} bytes`)
  })

  test(`${name}: nothing is saved while a run is in progress (KN51)`, async t => {
    const it = await savingBed(t, language)
    const run = await order(it.session, language.busy)
    await when(it.session, run, event => event.type === 'started')
    await assert.rejects(it.capture(), (error: MeshError) => error.code === 'CONFLICT')
    await it.session.cancel(run, 'enough')
    await outcome(it.session, run)
    await it.capture()
  })

  test(`${name}: a file that is damaged, cut short, exchanged, missing or a link is refused before anything is made (KN52)`, async t => {
    const it = await savingBed(t, language)
    await runs(it.session, language.make)
    const whole = await it.opened(await it.capture())
    const kernel = await bareKernel(t, it, language)
    const names = await readdir(whole)
    for (const [index, name] of names.entries()) {
      const other = join(whole, names[(index + 1) % names.length]!)
      if ((await readFile(other)).equals(await readFile(join(whole, name)))) continue
      for (const [what, damage] of Object.entries(damages)) {
        const folder = await mkdtemp(join(it.folder, '..', 'damaged-'))
        await cp(whole, folder, { recursive: true })
        await damage(join(folder, name), other)
        await assert.rejects(kernel.load(folder), refused, `${name}: ${what}`)
        await rm(folder, { recursive: true })
      }
    }
    assert.equal(await kernel.run(language.isFresh.code), language.isFresh.printed)
    await kernel.load(whole)
    assert.notEqual(await kernel.run(language.isFresh.code), language.isFresh.printed)
    // The session that it was to take the place of keeps its kernel.
    await flip(join(whole, names[0]!))
    const start = it.sessions.start(it.spec, { from: { kind: 'portable', folder: whole }, notice: '' })
    await assert.rejects(start, failed)
    assert.equal(await runs(it.session, language.show), language.shown)
  })
}

const damages: Record<string, (path: string, other: string) => Promise<void>> = {
  'a bit': flip,
  'its end': async path => truncate(path, Math.max(0, (await readFile(path)).length - 1)).then(() => notEmpty(path)),
  'another file': (path, other) => copyFile(other, path),
  missing: path => rm(path),
  'a link': async (path, other) => rm(path).then(() => symlink(other, path)),
}

async function notEmpty(path: string): Promise<void> {
  if ((await readFile(path)).length === 0) await writeFile(path, 'xy')
}

/** A kernel without a host, so that it can be asked again and again. */
async function bareKernel(
  t: TestContext,
  it: Bed,
  { language, kernelspec, env }: BedKernel,
): Promise<{ load(folder: string): Promise<unknown>; run(code: string): Promise<string> }> {
  const folder = await mkdtemp(join(it.folder, '..', 'bare-'))
  const place = { folder, language, kernelspec, limits, projectFolder: it.project, nodePath: process.execPath }
  const mark = markOf(folder)
  const launched = await launch({ ...place, mark, env: { ...process.env, ...env }, random: systemRandom })
  t.after(() => killTree(launched.mark, launched.pid))
  let heard: (event: NumberedKernelEvent) => void = () => undefined
  const handlers = { onEvent: (event: NumberedKernelEvent) => heard(event), onClose: () => undefined }
  const client = await KernelClient.connect(launched, limits, handlers, AbortSignal.timeout(60_000))
  t.after(() => client.close())
  return {
    load: path => client.request('load', { folder: path }, 60_000),
    run: async code => {
      const ended = Promise.withResolvers<string>()
      let text = ''
      heard = ({ event }) => {
        if (event.type === 'stdout') text += event.text
        if (event.type === 'completed' || event.type === 'failed') ended.resolve(text)
      }
      await client.request('execute', { run: newRun(), code, name: 'demo' })
      return ended.promise
    },
  }
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path)
  if (bytes.length === 0) return writeFile(path, 'x')
  bytes[bytes.length >> 1]! ^= 4
  await writeFile(`${path}.new`, bytes)
  await rename(`${path}.new`, path)
}
