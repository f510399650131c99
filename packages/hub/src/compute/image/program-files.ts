/** The files of this program that a worker needs: its sources, Node, and the packages that they use in production. */
import { chmod, cp, mkdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'

/** Where it is in the image. */
export const programFolder = '/opt/meshbook'
/** What runs in a container, in words of the image. */
export const workerCommand: readonly string[] = [
  `${programFolder}/node`,
  '--disable-warning=ExperimentalWarning',
  `${programFolder}/packages/cli/src/main.ts`,
  'worker',
]

const rooms = ['packages/core', 'packages/relay', 'packages/engine', 'packages/device', 'packages/cli', 'kernels']
/** The hub is not needed in a worker, and what is not there cannot be attacked. */
const absent = new Set(['@meshbook/hub', '@meshbook/web'])
const manifestSchema = v.object({
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
  optionalDependencies: v.optional(v.record(v.string(), v.string()), {}),
})

/** Copies them to where they belong below `into`, which stands for the root of the image. */
export async function copyProgram(root: string, node: string, into: string): Promise<void> {
  const target = join(into, programFolder)
  await mkdir(join(target, 'node_modules/@meshbook'), { recursive: true })
  await cp(node, join(target, 'node'), { dereference: true })
  // Node keeps what it compiled for each user by itself; while a worker runs nothing here can be written.
  await mkdir(join(target, 'node_modules/.meshbook/compiled'), { recursive: true })
  await chmod(join(target, 'node_modules/.meshbook/compiled'), 0o1777)
  // What runs in a worker may want it as well, where the distribution's own is not there.
  await mkdir(join(into, 'usr/local/bin'), { recursive: true })
  await symlink(`${programFolder}/node`, join(into, 'usr/local/bin/node'))
  await cp(join(root, 'package.json'), join(target, 'package.json'))
  for (const room of rooms) {
    await cp(join(root, room), join(target, room), {
      recursive: true,
      filter: path => isWanted(path.slice(root.length)),
    })
    await symlink(join('../..', room), join(target, 'node_modules/@meshbook', room.split('/').at(-1)!))
  }
  for (const name of await productionPackages(root))
    await cp(join(root, name), join(target, name), { recursive: true, filter: path => !isHeavy(path) })
}

const isWanted = (path: string): boolean =>
  !/\.test\.[a-z]+$/.test(path) && !path.split(sep).some(part => ['testing', 'dist', 'node_modules'].includes(part))
/** Sources and headers of what is compiled already. */
const isHeavy = (path: string): boolean => /\.(?:map|cc|hpp|h)$/.test(path)

/** Folders of all packages that the rooms need, below `root`. */
async function productionPackages(root: string): Promise<string[]> {
  const found = new Set<string>()
  const waiting = rooms.map(room => ({ folder: room, isOwn: true }))
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { dependencies, optionalDependencies } = await manifestOf(join(root, next.folder))
    const needed = [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]
    for (const name of needed.filter(name => !name.startsWith('@meshbook/') && !absent.has(name))) {
      const folder = await folderOf(root, next.folder, name)
      if (folder === undefined || found.has(folder)) continue
      found.add(folder)
      waiting.push({ folder, isOwn: false })
    }
  }
  // A package inside another one is copied with it.
  return [...found].filter(folder => ![...found].some(other => folder.startsWith(`${other}/`)))
}

/** As Node finds it: beside the one that asks, or further up. Undefined for what belongs to another system. */
async function folderOf(root: string, from: string, name: string): Promise<string | undefined> {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name)
    if (await isPackage(join(root, folder))) return folder
    if (at === '.') return undefined
  }
}

async function isPackage(folder: string): Promise<boolean> {
  return readFile(join(folder, 'package.json')).then(
    () => true,
    () => false,
  )
}

async function manifestOf(folder: string): Promise<v.InferOutput<typeof manifestSchema>> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch((cause: unknown) => {
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${folder} is not a package`, cause })
  })
  return v.parse(v.pipe(v.string(), v.parseJson(), manifestSchema), text)
}
