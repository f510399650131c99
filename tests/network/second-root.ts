/**
 * The system of another machine: Debian with the newest patch levels, made once from the archive that this machine uses
 * itself, and kept beside the other things that tests install. This machine's own libraries are of other patch levels.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

const suite = 'bookworm'
const packages = [
  'ca-certificates',
  'perl-base',
  'util-linux',
  'procps',
  'iproute2',
  'python3',
  'python3-numpy',
  'python3-pandas',
  'python3-ipykernel',
  'r-base-core',
  'r-cran-irkernel',
]
const unwanted = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*']
const makeMs = 600_000

/** Of other patch levels than this machine's: with all updates, or, where this machine has those, with none. */
export async function secondRoot(): Promise<string> {
  const updated = await rootOf('updated', sourcesHere())
  return differs(updated) ? updated : rootOf('released', await releasedAlone())
}

function differs(root: string): boolean {
  return ['python3.11-minimal', 'libssl3', 'libc6'].some(name => versionOf(name, root) !== versionOf(name))
}

const cacheFolder = () => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'meshbook-tests')

function sourcesHere(): string {
  return ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'].find(file => existsSync(file))!
}

/** The first entry of the sources, for its release without updates. */
async function releasedAlone(): Promise<string> {
  const [first = ''] = (await readFile(sourcesHere(), 'utf8')).split(/\n\s*\n/)
  const file = join(cacheFolder(), 'released.sources')
  await writeFile(file, `${first.replace(/^Suites:.*$/m, `Suites: ${suite}`)}\n`)
  return file
}

async function rootOf(kind: string, sources: string): Promise<string> {
  const root = join(cacheFolder(), `second-root-${suite}-${kind}`)
  if (existsSync(root)) return root
  const making = `${root}.${process.pid}`
  await mkdir(cacheFolder(), { recursive: true })
  execFileSync(
    'mmdebstrap',
    [
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      '--aptopt=Acquire::Languages "none"',
      ...unwanted.map(path => `--dpkgopt=path-exclude=${path}`),
      suite,
      making,
      sources,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], timeout: makeMs },
  )
  // Another test may have made it meanwhile.
  await rename(making, root).catch(() => rm(making, { recursive: true, force: true }))
  return root
}

/** Of a package in that system, or in this one. */
export function versionOf(name: string, root = '/'): string {
  return execFileSync('dpkg-query', [`--admindir=${join(root, 'var/lib/dpkg')}`, '-W', `-f=\${Version}`, name], {
    encoding: 'utf8',
  })
}
