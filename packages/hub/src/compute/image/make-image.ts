/** Makes the image of workers on this machine and hands it to the engine (CP50, CP51). Leaves no file behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { imageLabels } from '../docker-driver.ts'
import { type DockerEngine, parsed } from '../docker-engine.ts'
import { asUser, loadCommand } from '../task-command.ts'
import {
  basePackages,
  debianSystem,
  filesOfInstalled,
  installedOf,
  neededForTasks,
  taskPackages,
} from './debian-files.ts'
import { copyProgram } from './program-files.ts'

export interface ImageOptions {
  name: string
  version: string
  /** Packages beside the usual ones, such as r-base-core. */
  packages: readonly string[]
  /** `installed`: files of this machine's packages. `debian`: a new system from the distribution's packages. */
  from: 'installed' | 'debian'
  /** The folder of this program, and the Node that runs it there; absent: the image is without the program. */
  program?: { root: string; node: string }
  base?: readonly string[]
}

export interface MadeImage {
  id: string
  bytes: number
  languages: string[]
}

const passwd = `root:x:0:0:root:/root:/usr/sbin/nologin
worker:x:10001:10001:worker:/work/home:/bin/bash
tools:x:10002:10002:tools:/work/home:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`
const group = 'root:x:0:\nworker:x:10001:\ntools:x:10002:\nnogroup:x:65534:\n'
/** Of the system's accounts: those of this machine are nobody's business. */
const accounts = ['/etc/passwd', '/etc/group', '/etc/shadow', '/etc/gshadow', '/etc/hostname', '/etc/hosts']

export async function makeImage(engine: DockerEngine, options: ImageOptions): Promise<MadeImage> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-image-'))
  try {
    const languages = languagesOf(options.packages)
    const archive = await archiveOf(folder, options)
    const made = await importImage(engine, archive, options, languages)
    return { ...(options.program ? await compiled(engine, options.name, made.id) : made), languages }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Which languages a worker has whose image has these packages. */
export function languagesOf(packages: readonly string[]): string[] {
  return ['python', 'bash', 'javascript', 'typescript', ...(packages.includes('r-base-core') ? ['r'] : [])]
}

async function archiveOf(folder: string, { packages, from, program, base }: ImageOptions) {
  const own = join(folder, 'own')
  await makeOwn(own)
  if (program) await copyProgram(program.root, program.node, own)
  const usual = base ?? [...basePackages, ...neededForTasks, ...(await forTasks(from))]
  const wanted = [...new Set([...usual, ...packages])]
  const parts =
    from === 'debian' ? await newSystem(join(folder, 'system'), own, wanted) : await thisSystem(folder, own, wanted)
  const owned = ['--owner=0', '--group=0', '--numeric-owner', '--mode=ug-s,a+rX']
  return spawn('tar', ['-c', ...owned, ...parts], { stdio: ['ignore', 'pipe', 'pipe'] })
}

const forTasks = async (from: ImageOptions['from']): Promise<readonly string[]> =>
  from === 'debian' ? taskPackages : installedOf(taskPackages)

/** What belongs to no package. */
async function makeOwn(own: string): Promise<void> {
  for (const name of ['etc', 'tmp', 'work', 'run/meshbook', 'proc', 'sys', 'dev'])
    await mkdir(join(own, name), { recursive: true })
  // The volume takes this mode on, so that the user of the container may write there; there is no other one.
  for (const name of ['tmp', 'work']) await chmod(join(own, name), 0o777)
  await writeFile(join(own, 'etc/passwd'), passwd)
  await writeFile(join(own, 'etc/group'), group)
}

async function newSystem(folder: string, own: string, packages: readonly string[]): Promise<string[]> {
  await debianSystem(folder, packages)
  for (const path of accounts) await rm(join(folder, path), { force: true })
  await cp(own, folder, { recursive: true, verbatimSymlinks: true })
  await chmod(join(folder, 'work'), 0o777)
  const left = [
    './proc/*',
    './sys/*',
    './dev/*',
    './var/cache/apt',
    './var/lib/apt/lists',
    './usr/share/doc',
    './usr/share/man',
  ]
  return [...left.map(path => `--exclude=${path}`), '-C', folder, '.']
}

/** The engine takes no path twice, so what is our own is left out of the list. */
async function thisSystem(folder: string, own: string, packages: readonly string[]): Promise<string[]> {
  const ours = new Set((await readdir(own, { recursive: true })).map(path => `/${path}`))
  const files = (await filesOfInstalled(packages)).filter(path => !accounts.includes(path) && !ours.has(path))
  const list = join(folder, 'files')
  await writeFile(list, files.map(path => `.${path}\0`).join(''))
  // The list is of files and folders one by one; what comes after it is taken with all that is in it.
  return ['-C', '/', '--null', '--no-recursion', '-T', list, '--recursion', '-C', own, '.']
}

const importedSchema = v.object({ status: v.optional(v.string()), error: v.optional(v.string()) })
const sizeSchema = v.object({ Id: v.string(), Size: v.number() })

async function importImage(
  engine: DockerEngine,
  archive: ChildProcess,
  { name, version }: ImageOptions,
  languages: readonly string[],
): Promise<{ id: string; bytes: number }> {
  let said = ''
  archive.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)))
  const ended = once(archive, 'close') as Promise<[number | null]>
  const [repository, tag = 'latest'] = name.split(':', 2)
  const query = new URLSearchParams({ fromSrc: '-', repo: repository!, tag })
  query.append('changes', `LABEL ${imageLabels.version}=${version}`)
  query.append('changes', `LABEL ${imageLabels.languages}="${languages.join(' ')}"`)
  const path = `/images/create?${query}`
  const before = await idOf(engine, name)
  try {
    const { body } = await engine.ask('POST', path, { stream: archive.stdout!, timeoutMs: limits.engineImportMs })
    const [code] = await ended
    const last = v.parse(
      v.pipe(v.string(), v.parseJson(), importedSchema),
      body.toString('utf8').trim().split('\n').at(-1),
    )
    if (last.error !== undefined) throw new MeshError('COMPUTE_UNAVAILABLE', { detail: last.error })
    if (code !== 0)
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `tar ended with ${code}: ${said.slice(-300)}` })
  } finally {
    archive.kill()
  }
  const shown = shownAt(name)
  const { Id, Size } = parsed(await engine.ask('GET', shown), shown, sizeSchema)
  // 404, 409: it is gone, or a container still runs on it.
  if (before !== undefined && before !== Id) await engine.ask('DELETE', `/images/${before}`, {}, [404, 409])
  return { id: Id, bytes: Size }
}

const createdSchema = v.object({ Id: v.string() })
const endedSchema = v.object({ StatusCode: v.number() })

/** The same image with what Node keeps of compiled sources: without it each start of a worker would compile them anew. */
async function compiled(engine: DockerEngine, name: string, before: string): Promise<{ id: string; bytes: number }> {
  const load = (user: 'runner' | 'tools'): string => [...asUser(user), ...loadCommand].join(' ')
  const caps = { CapDrop: ['ALL'], CapAdd: ['SETUID', 'SETGID', 'SETPCAP'] }
  const isolated = { NetworkMode: 'none', ...caps, SecurityOpt: ['no-new-privileges'] }
  const command = { Entrypoint: ['/bin/bash'], Cmd: ['-c', `${load('runner')} && ${load('tools')}`] }
  const body = { Image: before, ...command, User: '0:0', NetworkDisabled: true, HostConfig: isolated }
  const path = '/containers/create'
  const { Id } = parsed(await engine.ask('POST', path, { body }), path, createdSchema)
  try {
    await engine.ask('POST', `/containers/${Id}/start`)
    const waited = `/containers/${Id}/wait`
    const timeoutMs = limits.engineImportMs
    const { StatusCode } = parsed(await engine.ask('POST', waited, { timeoutMs }), waited, endedSchema)
    if (StatusCode !== 0)
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `the program of the image ended with ${StatusCode}` })
    const [repo = '', tag = 'latest'] = name.split(':', 2)
    const query = new URLSearchParams({ container: Id, repo, tag })
    await engine.ask('POST', `/commit?${query}`, { timeoutMs })
  } finally {
    await engine.ask('DELETE', `/containers/${Id}?force=1&v=1`, {}, [404, 409])
  }
  const shown = shownAt(name)
  const made = parsed(await engine.ask('GET', shown), shown, sizeSchema)
  return { id: made.Id, bytes: made.Size }
}

const shownAt = (name: string): string => `/images/${encodeURIComponent(name)}/json`

async function idOf(engine: DockerEngine, name: string): Promise<string | undefined> {
  const answer = await engine.ask('GET', shownAt(name), {}, [404])
  return answer.status === 404 ? undefined : parsed(answer, shownAt(name), sizeSchema).Id
}
