import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SnapshotFit } from '@meshbook/core/snapshot.ts'
import { writeManifest } from '@meshbook/kernels/wire/saved-folder.ts'
import type { KernelSession, KernelShape, SavedVariables, SessionSpec } from '../../kernels/port.ts'
import { temporaryFolder } from '../../testing/temporary-folder.ts'
import type { Capture, PartSink, PartSource, Plan } from '../port.ts'
import { fromPart, toPart } from './part-bytes.ts'
import { createPortableBackend } from './portable-backend.ts'

const MiB = 1 << 20
const signal = AbortSignal.timeout(600_000)

/** The same for ever, and not to be compressed. */
function noise(length: number, seed = 1): Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

/** Parts in memory, under the hash of what is in them. */
class Parts implements PartSink, PartSource {
  readonly all = new Map<string, Uint8Array>()
  /** Bytes put since it was last set to 0. */
  added = 0
  /** Of pieces that were put again although they are here. */
  again = 0

  async put(bytes: Uint8Array): Promise<string> {
    const id = createHash('sha256').update(bytes).digest('hex')
    if (this.all.has(id)) this.again++
    else this.added += bytes.length
    this.all.set(id, bytes)
    return id
  }

  async has(part: string): Promise<boolean> {
    return this.all.has(part)
  }

  async get(part: string): Promise<Uint8Array> {
    const found = this.all.get(part)
    if (!found) throw new MeshError('SNAPSHOT_REFUSED', { detail: 'no such part' })
    return found
  }
}

interface Scene {
  parts: Parts
  files: Record<string, Buffer>
  session: KernelSession
  work: string
  capture(options?: { signal?: AbortSignal; during?: boolean }): Promise<Capture>
  open(plan: Plan, name?: string): Promise<string>
}

const backend = createPortableBackend({
  kernels: {
    runtimes: async () => [
      { language: 'python', kernel: 'Python', version: '3.12.1' },
      { language: 'javascript', kernel: 'Node.js', version: '24.1.0' },
    ],
    missing: async language => (language === 'r' ? 'no R was found. Install R.' : undefined),
  },
  limits,
})

async function scene(saves = true): Promise<Scene> {
  const root = await temporaryFolder()
  const work = join(root, 'work')
  const files: Scene['files'] = {}
  const saved: SavedVariables = { pauseMs: 3, lastRun: null, lost: [], variables: [], more: 0 }
  const session = {
    spec: { language: 'python', name: 'default' } as SessionSpec,
    kernelName: 'Python 3.11.7',
    shape: async () => ({ saves, version: '3.11.7' }) as KernelShape,
    save: async (folder: string) => {
      for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes)
      await writeManifest(folder, { language: 'python', version: '3.11.7' })
      return saved
    },
  } as unknown as KernelSession
  const parts = new Parts()
  return {
    parts,
    files,
    session,
    work,
    capture: (options = {}) => backend.capture(session, { sink: parts, workFolder: work, signal, ...options }),
    open: async (plan, name = 'opened') => {
      const folder = join(root, name)
      await mkdir(folder)
      await backend.open(plan, { source: parts, folder, signal, progress: () => undefined })
      return folder
    },
  }
}

const refused = (error: unknown) => error instanceof MeshError && error.code === 'SNAPSHOT_REFUSED'
const failed = (error: unknown) => error instanceof MeshError && error.code === 'SNAPSHOT_FAILED'

test('SN30 what was captured is opened as it was, with all that is said of it', async () => {
  const it = await scene()
  Object.assign(it.files, {
    'v1-1.raw': noise(3 * MiB + 5),
    'v1.pickle': Buffer.from('small'),
    'v2.pickle': noise(600_000, 2),
    'v3.pickle': Buffer.alloc(0),
    'v4.pickle': Buffer.alloc(2 * MiB),
  })
  const captured = await it.capture()
  assert.deepEqual(captured.fit, {
    os: process.platform,
    arch: process.arch,
    cpu: [],
    language: 'python',
    version: '3.11.7',
  })
  assert.equal(captured.pauseMs, 3)
  assert.equal(new Set(captured.parts).size, captured.parts.length)
  assert.deepEqual(new Set(captured.parts), new Set(it.parts.all.keys()), 'all parts are named, and no other')
  assert.ok(Math.max(...[...it.parts.all.values()].map(({ length }) => length)) <= limits.snapshotPartBytes - 1024)
  assert.ok(it.parts.added < 3.8 * MiB, 'what is empty is compressed')
  const folder = await it.open(JSON.parse(JSON.stringify(captured.plan)))
  for (const [name, bytes] of Object.entries(it.files)) assert.deepEqual(await readFile(join(folder, name)), bytes)
  assert.equal((await stat(join(folder, 'v1.pickle'))).mode & 0o777, 0o600)
  assert.deepEqual(await backend.start(folder, it.session.spec, signal), { kind: 'portable', folder })
  assert.deepEqual(await readdir(it.work), ['known-parts.json'], 'nothing that was saved stays in the open')
})

test('SN31 after a small change only what is near it is stored', async () => {
  const it = await scene()
  Object.assign(it.files, { 'v1-1.raw': noise(40 * MiB), 'v2-1.bytes': noise(8 * MiB, 2) })
  for (let each = 3; each < 100; each++) it.files[`v${each}.pickle`] = noise(700, each)
  await it.capture()
  const cases: [string, number, () => void][] = [
    ['nothing', 0, () => undefined],
    ['an element of an array', 330_000, () => it.files['v1-1.raw']!.writeDoubleLE(1, 17 * MiB)],
    [
      'a longer text',
      800_000,
      () => {
        const text = it.files['v2-1.bytes']!
        it.files['v2-1.bytes'] = Buffer.concat([text.subarray(0, 3 * MiB), Buffer.from('more'), text.subarray(3 * MiB)])
      },
    ],
    ['a small variable', 200_000, () => (it.files['v77.pickle'] = noise(705, 1000))],
    ['a new variable', 200_000, () => (it.files['v100.pickle'] = noise(300, 1001))],
  ]
  for (const [what, most, change] of cases) {
    change()
    it.parts.added = it.parts.again = 0
    const { plan } = await it.capture()
    assert.ok(it.parts.added <= most, `${what}: ${it.parts.added} bytes`)
    assert.equal(it.parts.again, 0, 'what is known to be there is not put again')
    const folder = await it.open(plan, what)
    for (const [name, bytes] of Object.entries(it.files))
      assert.ok((await readFile(join(folder, name))).equals(bytes), `${name} after ${what}`)
  }
})

test('SN32 a session of very many small variables has few parts', async () => {
  const it = await scene()
  for (let each = 1; each < 1000; each++) it.files[`v${each}.pickle`] = noise(60, each)
  const { parts } = await it.capture()
  assert.ok(parts.length < 40, `${parts.length} parts`)
})

test('SN32 parts that are gone are stored again, and so is all when the work folder is emptied', async () => {
  const it = await scene()
  Object.assign(it.files, { 'v1-1.raw': noise(2 * MiB), 'v2.pickle': noise(1000) })
  await it.capture()
  it.parts.all.delete([...it.parts.all.keys()][3]!)
  await it.open((await it.capture()).plan, 'one')
  it.parts.all.clear()
  await it.open((await it.capture()).plan, 'all')
  await rm(it.work, { recursive: true })
  await it.open((await it.capture()).plan, 'emptied')
  await writeFile(join(it.work, 'known-parts.json'), '{"half')
  await it.open((await it.capture()).plan, 'broken')
})

test('SN33 a session that cannot be saved says why, and leaves nothing behind', async () => {
  const it = await scene(false)
  assert.match((await backend.unfit(it.session))!, /Python 3\.11\.7 cannot save/)
  await assert.rejects(it.capture({ during: true }), failed)
  it.files['v1.pickle'] = noise(10)
  await assert.rejects(it.capture({ signal: AbortSignal.abort(new Error('enough')) }), failed)
  it.session.save = async () => Promise.reject(new MeshError('CONFLICT'))
  await assert.rejects(it.capture(), (error: MeshError) => error.code === 'CONFLICT')
  it.session.save = async folder => {
    await writeFile(join(folder, 'v1.pickle'), 'no manifest')
    return { pauseMs: 0, lastRun: null, lost: [], variables: [], more: 0 }
  }
  await assert.rejects(it.capture(), failed)
  const few = createPortableBackend({
    kernels: { runtimes: async () => [], missing: async () => undefined },
    limits: { ...limits, snapshotBytes: 100 as never },
  })
  const large = await scene()
  large.files['v1.pickle'] = noise(1000)
  await assert.rejects(few.capture(large.session, { sink: large.parts, workFolder: large.work, signal }), failed)
  for (const { work } of [it, large]) {
    const left = (await readdir(work).catch(() => [])).filter(name => name !== 'known-parts.json')
    assert.deepEqual(left, [])
  }
})

test('SN34 a part that is damaged, cut short, exchanged or missing is refused, each once', async () => {
  const it = await scene()
  Object.assign(it.files, {
    'v1-1.raw': noise(1.2 * MiB),
    'v2.pickle': noise(40_000, 2),
    'v3.pickle': noise(300_000, 3),
  })
  const { plan, parts } = await it.capture()
  const other = parts.map(id => it.parts.all.get(id)!)
  let count = 0
  for (const [index, id] of parts.entries()) {
    const whole = it.parts.all.get(id)!
    const flipped = Buffer.from(whole)
    flipped[flipped.length >> 1]! ^= 16
    const damages = [
      flipped,
      whole.subarray(0, -1),
      whole.subarray(0, 1),
      Buffer.alloc(0),
      other[(index + 1) % other.length]!,
    ]
    for (const damaged of [...damages, undefined]) {
      if (damaged) it.parts.all.set(id, damaged)
      else it.parts.all.delete(id)
      await assert.rejects(it.open(plan, `damaged ${++count}`), refused)
    }
    it.parts.all.set(id, whole)
  }
  await it.open(plan, 'whole')
})

test('SN34 a plan that leads elsewhere, says too much or does not add up is refused', async () => {
  const it = await scene()
  const content = Buffer.from('content')
  const sha256 = createHash('sha256').update(content).digest('hex')
  const part = await it.parts.put(await toPart(content))
  const listing = async (text: string): Promise<Plan> => {
    const bytes = Buffer.from(text)
    const id = await it.parts.put(await toPart(bytes))
    return {
      format: 1,
      listing: [{ id, bytes: bytes.length }],
      sha256: createHash('sha256').update(bytes).digest('hex'),
    }
  }
  const file = (name: string, bytes = 7) => `row\nfile ${name} ${bytes} ${sha256}\npart ${part} 7\n`
  const bad: Plan[] = [
    {},
    { format: 2, listing: [], sha256 },
    ...(await Promise.all(
      [
        ...['../v.pickle', '/tmp/v.pickle', '.v.pickle', 'a/v.pickle', 'V.pickle', 'v', 'v.pickle\0', '..'].map(name =>
          file(name),
        ),
        file('v.pickle', 8),
        file('v.pickle', -1),
        file('v.pickle', Number.NaN),
        file('v.pickle') + file('v.pickle'),
        `row\nfile v.pickle ${2 ** 50} ${sha256}\n`,
        `file v.pickle 7 ${sha256}\n`,
        'nonsense\n',
        `row\npart ${part} ${16 << 20}\n`,
        `row\npart ../../etc/passwd 7\n`,
      ].map(listing),
    )),
  ]
  for (const [index, plan] of bad.entries())
    await assert.rejects(it.open(plan, `bad ${index}`), refused, `plan ${index}`)
  await assert.rejects(it.open(await listing(file('v.pickle')), 'no manifest'), refused)
})

test('SN34 a link or a file that lies in the way is not written through', async () => {
  const it = await scene()
  it.files['v1.pickle'] = noise(100)
  const { plan } = await it.capture()
  const folder = join(it.work, 'folder')
  const aim = join(it.work, 'aim')
  await mkdir(folder)
  await writeFile(aim, 'precious')
  await symlink(aim, join(folder, 'v1.pickle'))
  const options = { source: it.parts, folder, signal, progress: () => undefined }
  await assert.rejects(backend.open(plan, options))
  assert.equal(await readFile(aim, 'utf8'), 'precious')
  await chmod(folder, 0o700)
})

test('SN34 a part does not swell beyond the length that the plan has for it', async () => {
  const part = await toPart(Buffer.alloc(5 * MiB))
  assert.ok(part.length < 2000)
  await assert.rejects(fromPart(part, 1000), refused)
  await assert.rejects(fromPart(part, 6 * MiB), refused)
  assert.equal((await fromPart(part, 5 * MiB)).length, 5 * MiB)
})

test('SN35 it fits where the language is, whatever the system, processor and minor version', async () => {
  const fit: SnapshotFit = { os: 'win32', arch: 'arm64', cpu: [], language: 'python', version: '3.9.2' }
  const spec = (language: string) => ({ language, projectFolder: '/' })
  assert.equal(await backend.unfitHere(fit, spec('python')), undefined)
  assert.equal(await backend.unfitHere({ ...fit, language: 'ts', version: '22.0.0' }, spec('js')), undefined)
  assert.match((await backend.unfitHere({ ...fit, version: '2.7' }, spec('python')))!, /2\.7/)
  assert.match((await backend.unfitHere({ ...fit, language: 'js', version: '26.0.0' }, spec('js')))!, /26/)
  assert.match((await backend.unfitHere({ ...fit, language: 'r' }, spec('r')))!, /Install R/)
  assert.match((await backend.unfitHere(fit, spec('bash')))!, /python/)
})
