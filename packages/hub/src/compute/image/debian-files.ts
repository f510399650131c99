/**
 * The files of a small Debian system: those of packages that are installed on this machine, with all that they need, or
 * a new system from the distribution's packages (CP50). Nothing is installed on this machine, and no image is fetched.
 */
import { execFile } from 'node:child_process'
import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

const run = promisify(execFile)

/** What every image has, beside what is asked for. */
export const basePackages: readonly string[] = [
  'base-files',
  'bash',
  'coreutils',
  'dash',
  'debianutils',
  'diffutils',
  'findutils',
  'grep',
  'gzip',
  'libc-bin',
  'libstdc++6',
  'procps',
  'python3',
  'sed',
  'tar',
]
/** For agent tasks, as far as this machine has it; what takes on another user is needed. */
export const taskPackages: readonly string[] = ['util-linux', 'git', 'ripgrep', 'ca-certificates', 'make', 'patch']
export const neededForTasks: readonly string[] = ['util-linux', 'git']

/** A shell and what it needs, for containers that run nothing of this program. */
export const smallestPackages: readonly string[] = ['base-files', 'bash', 'coreutils', 'dash', 'libc-bin']

/** Of no use in a container, and most of what packages have. */
const unwanted = /^\/usr\/share\/(?:doc|doc-base|man|info|locale|lintian|bug|menu|applications|icons|pixmaps)(?:\/|$)/
const alternatives = '/etc/alternatives'
const programs = { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 256 * 1024 ** 2, timeout: limits.engineImportMs }

/** Those that are installed on this machine. */
export async function installedOf(wanted: readonly string[]): Promise<string[]> {
  const installed = await installedPackages()
  return wanted.filter(name => installed.has(name))
}

/** Absolute paths, folders before what is in them. */
export async function filesOfInstalled(wanted: readonly string[]): Promise<string[]> {
  const names = await closureOf(wanted)
  const { stdout } = await run('dpkg-query', ['-L', ...names], programs)
  const listed = stdout.split('\n').filter(path => path.startsWith('/') && path !== '/.' && !unwanted.test(path))
  const links = await systemLinks()
  const found = new Set<string>(links)
  for (const path of [...listed, alternatives, '/etc/ld.so.cache', '/etc/ld.so.conf.d']) {
    const real = await underRealFolder(path)
    if (await isThere(real)) found.add(real)
  }
  for (const path of [...found]) for (const more of await unlisted(path, found)) found.add(more)
  return [...found].sort()
}

/** Makes a system in this folder with debootstrap, as root. */
export async function debianSystem(folder: string, packages: readonly string[]): Promise<void> {
  const suite = await codename()
  const include = [...new Set(packages)].join(',')
  try {
    await run('debootstrap', ['--variant=minbase', `--include=${include}`, suite, folder], programs)
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const detail = isMissing ? 'debootstrap is not installed' : `debootstrap failed: ${lastLine(cause)}`
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail, cause })
  }
}

function lastLine(thrown: unknown): string {
  const { stderr = '', stdout = '' } = thrown as { stderr?: string; stdout?: string }
  return `${stdout}${stderr}`.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
}

async function codename(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const name = /^VERSION_CODENAME=([a-z]+)$/m.exec(text)?.[1]
  if (name !== undefined) return name
  throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'this machine is not a Debian system' })
}

/** With everything that they depend on, as far as it is installed. */
async function closureOf(wanted: readonly string[]): Promise<string[]> {
  const installed = await installedPackages()
  const missing = wanted.filter(name => !installed.has(name))
  if (missing.length > 0)
    throw new MeshError('COMPUTE_UNAVAILABLE', {
      detail: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed on this machine; install it, or use --from debian`,
    })
  const found = new Set<string>()
  const waiting = [...wanted]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const known of installed.get(name) ?? []) {
      if (found.has(known.name)) continue
      found.add(known.name)
      waiting.push(...known.needs)
    }
  }
  return [...found]
}

interface Installed {
  name: string
  needs: string[]
}

/** By their own names and by those that they provide: which of several is used, the alternatives of the machine say. */
async function installedPackages(): Promise<Map<string, Installed[]>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query.
  const format = '${binary:Package}\t${db:Status-Abbrev}\t${Depends}, ${Pre-Depends}\t${Provides}\n'
  const { stdout } = await run('dpkg-query', ['-W', '-f', format], programs).catch((cause: unknown) => {
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'this machine is not a Debian system', cause })
  })
  const byName = new Map<string, Installed[]>()
  for (const line of stdout.split('\n')) {
    const [full = '', status = '', needs = '', provides = ''] = line.split('\t')
    if (!status.startsWith('ii')) continue
    const found = { name: full, needs: namesIn(needs) }
    for (const name of [full.split(':', 1)[0]!, ...namesIn(provides)])
      byName.set(name, [...(byName.get(name) ?? []), found])
  }
  return byName
}

/** All alternatives of a dependency: those that are not installed are left out later. */
function namesIn(field: string): string[] {
  return field.split(/[,|]/).flatMap(part => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(part)?.[1] ?? [])
}

/** `/bin` and its like, where they lead below /usr. */
async function systemLinks(): Promise<string[]> {
  const names = (await readdir('/')).filter(name => /^(?:bin|sbin|lib\w*)$/.test(name))
  const links: string[] = []
  for (const name of names) if ((await lstat(`/${name}`)).isSymbolicLink()) links.push(`/${name}`)
  return links
}

/** Packages name paths by way of `/bin` and `/lib`; an archive needs the folders that these lead to. */
async function underRealFolder(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path))
  return join(folder, basename(path))
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** What no package lists: links to chosen alternatives, and compiled Python, without which each start would compile anew. */
async function unlisted(folder: string, found: ReadonlySet<string>): Promise<string[]> {
  if (!(await lstat(folder)).isDirectory()) return []
  const entries = await readdir(folder, { withFileTypes: true })
  const links = entries.filter(entry => entry.isSymbolicLink()).map(({ name }) => join(folder, name))
  const chosen: string[] = []
  for (const link of links) {
    const to = await readlink(link)
    if (!to.startsWith(`${alternatives}/`) || !found.has(await realpath(link).catch(() => ''))) continue
    chosen.push(link, to)
  }
  // Settings that R's package writes when it is installed.
  if (folder === '/etc/R') chosen.push(...entries.map(({ name }) => join(folder, name)))
  const cache = join(folder, '__pycache__')
  const isPython = folder.startsWith('/usr/lib/python3') && entries.some(({ name }) => name === '__pycache__')
  return isPython ? [...chosen, cache, ...(await readdir(cache)).map(name => join(cache, name))] : chosen
}
