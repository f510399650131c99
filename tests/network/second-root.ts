/**
 * The system of another machine: Debian with the newest patch levels, made once from the archive that this machine uses
 * itself, and kept beside the other things that tests install. This machine's own libraries are of other patch levels.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

const madeOf = 'bookworm-1'
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

export async function secondRoot(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const root = join(cache, 'meshbook-tests', `second-root-${madeOf}`)
  if (existsSync(root)) return root
  const making = `${root}.${process.pid}`
  await mkdir(join(cache, 'meshbook-tests'), { recursive: true })
  const sources = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'].find(file => existsSync(file))!
  execFileSync(
    'mmdebstrap',
    [
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      '--aptopt=Acquire::Languages "none"',
      ...unwanted.map(path => `--dpkgopt=path-exclude=${path}`),
      'bookworm',
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
