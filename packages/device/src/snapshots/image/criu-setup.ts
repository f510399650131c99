/**
 * A CRIU that works with this kernel: the system's, or else the newest of Debian's archive with all that it needs, in a
 * folder of its own. Nothing of the system is changed: apt works with lists and a state of its own and takes only what
 * the archive's key has signed. What comes out is used only if it passes a test (`criu-self-test.ts`).
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { aptSources, chosenMirror } from './apt-sources.ts'
import { type Criu, checkOf, cleanEnvironment, versionOf } from './criu-run.ts'
import { selfTest } from './criu-self-test.ts'
import { hashOf } from './restore-mounts.ts'

const run = promisify(execFile)
const suites = ['unstable', 'testing']
const keyrings = ['/usr/share/keyrings/debian-archive-keyring.pgp', '/usr/share/keyrings/debian-archive-keyring.gpg']
const installMs = 600_000
const outputBytes = 64 * 1024 * 1024
const loaders: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu/ld-linux-x86-64.so.2',
  arm64: 'aarch64-linux-gnu/ld-linux-aarch64.so.1',
}

export type CriuFound = { ok: true; criu: Criu } | { ok: false; why: string; next: string }

/** Where a CRIU of the device's own is set up. */
export function criuFolder(env: NodeJS.ProcessEnv, home = homedir()): string {
  return join(env.XDG_DATA_HOME || join(home, '.local/share'), 'meshbook', 'criu')
}

const setUp = 'Run `meshbook sessions doctor --install` on this device, which sets one up in a folder of its own.'

/** The first that passes the check and the test. */
export async function findCriu(folder: string, signal: AbortSignal): Promise<CriuFound> {
  const unfit = hereUnfit() ?? (await programsMissing())
  if (unfit) return unfit
  const whys: string[] = []
  for (const command of [...(await ownCommands(folder)), ['criu']]) {
    const version = await versionOf(command)
    if (version === undefined) continue
    const why = await whyNot({ command, version }, signal)
    if (why === undefined) return { ok: true, criu: { command, version } }
    whys.push(`CRIU ${version} does not work with this kernel: ${why}`)
  }
  return { ok: false, why: whys[0] ?? 'there is no CRIU here', next: setUp }
}

function hereUnfit(): CriuFound | undefined {
  if (process.platform !== 'linux')
    return {
      ok: false,
      why: 'images of sessions are made on Linux alone',
      next: 'Nothing is to be done: sessions are saved by their variables.',
    }
  if (process.getuid?.() !== 0)
    return {
      ok: false,
      why: 'only root may save and restore the image of a process, and this device runs as another user',
      next: 'Run the device as root if you want it; else sessions are saved by their variables.',
    }
  return undefined
}

const programs = ['perl', 'unshare', 'nsenter', 'mkfifo', 'timeout']

async function programsMissing(): Promise<CriuFound | undefined> {
  const { stdout } = await run(
    'sh',
    ['-c', `for name in ${programs.join(' ')}; do command -v $name || echo "- $name"; done`],
    {
      env: cleanEnvironment,
    },
  )
  const missing = stdout.split('\n').flatMap(line => (line.startsWith('- ') ? [line.slice(2)] : []))
  if (missing.length === 0) return undefined
  return {
    ok: false,
    why: `programs that it needs are missing: ${missing.join(', ')}`,
    next: 'Install perl, util-linux and coreutils.',
  }
}

async function whyNot(criu: Criu, signal: AbortSignal): Promise<string | undefined> {
  const check = await checkOf(criu.command)
  if (!check.ok) return check.said
  return selfTest(criu, signal)
}

/** Of those that were set up here, the newest first. */
async function ownCommands(folder: string): Promise<string[][]> {
  const names = await readdir(folder).catch(() => [])
  const versions = names.filter(name => /^criu-[\w.+~-]+$/.test(name)).sort(newestFirst)
  const commands = await Promise.all(versions.map(name => commandIn(join(folder, name))))
  return commands.filter(command => command !== undefined)
}

function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true })
}

/** Through the loader that came along, so that the libraries of the system do not matter. */
async function commandIn(root: string): Promise<string[] | undefined> {
  const name = loaders[process.arch]
  if (name === undefined) return undefined
  const loader = join(root, 'usr/lib', name)
  const libraries = [join(root, 'usr/lib', name.split('/')[0]!), join(root, 'usr/lib')].join(':')
  const program = join(root, 'usr/sbin/criu')
  const whole = await Promise.all([loader, program].map(path => stat(path).catch(() => undefined)))
  return whole.every(Boolean) ? [loader, '--library-path', libraries, program] : undefined
}

/** Idempotent: what is there already and works is used. */
export async function installCriu(
  folder: string,
  options: { signal: AbortSignal; say(line: string): void },
): Promise<CriuFound> {
  const { signal, say } = options
  const before = await findCriu(folder, signal)
  if (before.ok) return before
  const unfit = hereUnfit()
  if (unfit) return unfit
  try {
    await download(folder, AbortSignal.any([signal, AbortSignal.timeout(installMs)]), say)
  } catch (error) {
    signal.throwIfAborted()
    const why = error instanceof MeshError ? (error.detail ?? error.message) : (error as Error).message
    return { ok: false, why, next: 'Install CRIU 4.2 or later in a way that fits this system, and try again.' }
  }
  return findCriu(folder, signal)
}

async function download(folder: string, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const work = await mkdtemp(join(folder, '.new-'))
  try {
    const apt = await ownApt(work, signal)
    say('Reading the lists of the archive')
    await apt('apt-get', ['update', '-qq'])
    say('Fetching CRIU and what it needs')
    await apt('apt-get', ['install', '-y', '-qq', '--download-only', 'criu'])
    const archives = join(work, 'cache/archives')
    const packages = (await readdir(archives)).filter(name => name.endsWith('.deb'))
    const root = join(work, 'root')
    await mkdir(root, { mode: 0o755 })
    const debs = await verified(
      packages.map(name => join(archives, name)),
      apt,
    )
    for (const { path } of debs) await run('dpkg-deb', ['-x', path, root], { signal, env: cleanEnvironment })
    const version = debs.find(deb => deb.name === 'criu')?.version ?? ''
    if (version === '') throw new MeshError('INTERNAL', { detail: 'the archive has no CRIU for this machine' })
    say(`CRIU ${version} and ${packages.length - 1} packages that it needs, checked by the archive's signature`)
    const place = join(folder, `criu-${version.replace(/[^\w.+~-]/g, '_')}`)
    await rm(place, { recursive: true, force: true })
    await rename(root, place)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

type Apt = (program: string, args: string[]) => Promise<string>

/** With lists, state and cache of its own, as if nothing were installed: so all that is needed is fetched. */
async function ownApt(work: string, signal: AbortSignal): Promise<Apt> {
  const mirror = chosenMirror(await aptSources())
  const keyring = await firstThere(keyrings)
  if (mirror === undefined || keyring === undefined)
    throw new MeshError('INTERNAL', {
      detail: "apt of this system names no mirror of Debian, or Debian's archive keyring is missing",
    })
  for (const name of ['state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(work, name), { recursive: true, mode: 0o755 })
  const lines = suites.map(suite => `deb [signed-by=${keyring} target=Packages] ${mirror} ${suite} main\n`)
  await writeFile(join(work, 'sources.list'), lines.join(''))
  await writeFile(join(work, 'state/status'), '')
  const settings = {
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State': join(work, 'state'),
    'Dir::State::status': join(work, 'state/status'),
    'Dir::State::Lists': join(work, 'state/lists'),
    'Dir::Cache': join(work, 'cache'),
    'Dir::Cache::pkgcache': 'pkgcache.bin',
    'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
    'APT::Install-Recommends': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::AllowWeakRepositories': 'false',
    'Acquire::AllowDowngradeToInsecureRepositories': 'false',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  // Hooks of the system are for its own lists.
  const config = join(work, 'apt.conf')
  await writeFile(
    config,
    '#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n',
  )
  return async (program, args) => {
    const env = { ...cleanEnvironment, ...proxies(), DEBIAN_FRONTEND: 'noninteractive', APT_CONFIG: config }
    try {
      const { stdout } = await run(program, [...options, ...args], { signal, env, maxBuffer: outputBytes })
      return stdout
    } catch (error) {
      signal.throwIfAborted()
      const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1)
      throw new MeshError('INTERNAL', { detail: `${program} ${args[0]} failed: ${said || (error as Error).message}` })
    }
  }
}

function proxies(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(https?|ftp|no)_proxy$/i.test(name)))
}

interface Deb {
  path: string
  name: string
  version: string
}

/** The hash of each must be the one of the signed list. */
async function verified(paths: readonly string[], apt: Apt): Promise<Deb[]> {
  const debs = await Promise.all(paths.map(described))
  const listed = await apt('apt-cache', ['show', ...debs.map(({ name, version }) => `${name}=${version}`)])
  const stanzas = listed.split(/\n\s*\n/)
  for (const { path, name, version } of debs) {
    const hash = await hashOf(path)
    const isListed = stanzas.some(
      text => field(text, 'Package') === name && field(text, 'Version') === version && field(text, 'SHA256') === hash,
    )
    if (!isListed) throw new MeshError('INTERNAL', { detail: `the package ${name} is not the one of the signed list` })
  }
  return debs
}

async function described(path: string): Promise<Deb> {
  const { stdout } = await run('dpkg-deb', ['-f', path, 'Package', 'Version'], { env: cleanEnvironment })
  return { path, name: field(stdout, 'Package') ?? '', version: field(stdout, 'Version') ?? '' }
}

function field(text: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.+)$`, 'm').exec(text)?.[1]
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await readFile(path).catch(() => undefined)) return path
  return undefined
}
