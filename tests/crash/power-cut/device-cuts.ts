/**
 * A device's notebook file under the power-cut model: it is an old or a new version, whole; and the device that is started
 * on what is left brings every line that was promised back into it, once.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { chanceOf } from '../../soak/random.ts'
import { eachCut } from './each-cut.ts'
import { type Recorded, record } from './recorded.ts'

const program = join(import.meta.dirname, '../../../packages/device/src/testing/crash-child.ts')
const healMs = 20_000
const afterCut = 1_000_000

export interface DeviceRecording extends Recorded {
  ids: string[]
}

export interface DeviceCutFigures {
  crashPoints: number
  /** Of these, how many the device was started on. */
  started: number
  promisesChecked: number
  torn: number
  lossy: number
  firstLoss: string | undefined
}

/** A person's folder with a notebook, and a device that types numbered lines into the document of it. */
export async function recordDevice(promises: number): Promise<DeviceRecording> {
  const ids = [newId('project', Date.now(), systemRandom), newId('document', Date.now(), systemRandom)]
  const recorded = await record({
    prepare: async folder => {
      await mkdir(join(folder, 'data'))
      await mkdir(join(folder, 'folder'))
      await writeFile(join(folder, 'folder/a.md'), 'first line\nlast line\n')
    },
    args: folder => [program, join(folder, 'data'), join(folder, 'folder'), ...ids],
    untilPromises: promises,
  })
  return { ...recorded, ids }
}

/** Starts the device at one in `every` of the crash points. */
export async function cutDevice(
  recorded: DeviceRecording,
  seed: number,
  points: number,
  every: number,
): Promise<DeviceCutFigures> {
  const figures = { crashPoints: 0, started: 0, promisesChecked: 0, torn: 0, lossy: 0 }
  const all: DeviceCutFigures = { ...figures, firstLoss: undefined }
  const promised: number[] = []
  const promise = (text: string): void => void promised.push(...text.trim().split('\n').map(Number))
  await eachCut(recorded, chanceOf(seed), points, promise, async ({ point, files }) => {
    const named = files.get(join(recorded.folder, 'folder/a.md'))
    // Between two calls the old file has its private name only; the next start gives it back its own (DV24).
    const text = (named ?? setAside(recorded.folder, files))?.toString('utf8')
    const where = `seed ${seed}, cut after event ${point} of ${recorded.events.length}`
    if (!isWhole(text)) {
      all.torn++
      all.firstLoss ??= `${where}: the file is ${JSON.stringify(text?.slice(0, 200))}`
    }
    if (all.crashPoints++ % every !== 0 && named) return
    all.started++
    all.promisesChecked += promised.length
    const loss = await lossAfterStart(recorded, files, promised)
    if (loss === undefined) return
    all.lossy++
    all.firstLoss ??= `${where}: ${loss}`
  })
  return all
}

function setAside(folder: string, files: ReadonlyMap<string, Buffer>): Buffer | undefined {
  const isOld = (path: string) => dirname(path) === join(folder, 'folder') && /\/\.meshbook-[^/]+\.old$/.test(path)
  return [...files].find(([path]) => isOld(path))?.[1]
}

function isWhole(text: string | undefined): boolean {
  const lines = text?.split('\n') ?? []
  return (
    lines.pop() === '' &&
    lines.every(line => /^(?:first line|last line|typed \d+)$/.test(line)) &&
    new Set(lines).size === lines.length &&
    lines.includes('first line') &&
    lines.at(-1) === 'last line'
  )
}

async function lossAfterStart(
  { folder, ids }: DeviceRecording,
  files: ReadonlyMap<string, Buffer>,
  promised: readonly number[],
): Promise<string | undefined> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'meshbook-cut-')))
  let device: ChildProcess | undefined
  try {
    for (const name of ['data', 'folder']) await mkdir(join(root, name))
    for (const [path, content] of files) {
      const to = join(root, relative(folder, path))
      await mkdir(dirname(to), { recursive: true })
      await writeFile(to, content)
    }
    device = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        program,
        join(root, 'data'),
        join(root, 'folder'),
        ...ids,
        `${afterCut}`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    return await untilHealed(join(root, 'folder/a.md'), device, promised)
  } finally {
    if (device && device.exitCode === null && device.signalCode === null) {
      device.kill('SIGKILL')
      await once(device, 'exit')
    }
    await rm(root, { recursive: true, force: true })
  }
}

/** Until every promised line, and a line that is typed only now, stand in the file once. */
async function untilHealed(
  file: string,
  device: ChildProcess,
  promised: readonly number[],
): Promise<string | undefined> {
  const end = performance.now() + healMs
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    const lines = text.split('\n')
    const wrong = [...promised.map(n => `typed ${n}`), 'first line', 'last line', `typed ${afterCut}`].filter(
      line => lines.filter(other => other === line).length !== 1,
    )
    if (wrong.length === 0) return undefined
    if (device.exitCode !== null) return `the device ended with ${device.exitCode}`
    if (performance.now() > end) return `not once in the file: ${wrong.slice(0, 5)} and ${wrong.length - 1} more`
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
