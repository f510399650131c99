// Makes a fresh clone ready: `node scripts/setup.mjs start|quick|test`. Plain JavaScript that any Node from 20 on runs,
// because Node 24 itself is one of the things it installs. Every step is skipped when nothing it depends on has changed.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamps = join(root, 'node_modules', '.meshbook')
const mode = process.argv[2] ?? 'start'

function hashOf(paths) {
  const hash = createHash('sha256')
  const add = path => {
    if (!existsSync(path)) return
    if (statSync(path).isDirectory()) {
      for (const entry of readdirSync(path).sort())
        if (entry !== 'dist' && entry !== 'node_modules') add(join(path, entry))
    } else hash.update(path.slice(root.length)).update(readFileSync(path))
  }
  for (const path of paths) add(join(root, path))
  return hash.digest('hex')
}

function step(name, inputs, done, run) {
  const stamp = join(stamps, name)
  const wanted = hashOf(inputs)
  if (done() && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  run()
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, wanted)
}

function say(text) {
  process.stderr.write(`• ${text}\n`)
}

function must(command, args, hint) {
  const started = Date.now()
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (result.status === 0) return say(`  done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n${hint}\n`)
  process.exit(1)
}

/** Two of these at once would remove each other's packages: the second waits, and finds everything done. */
function takeTurn() {
  const lock = join(root, '.meshbook-setup')
  process.once('exit', () => {
    if (holderOf(lock) === process.pid) rmSync(lock, { force: true })
  })
  for (let waits = 0; ; waits++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (error.code === 'EROFS' || error.code === 'EACCES') return
      if (error.code !== 'EEXIST') throw error
    }
    const holder = holderOf(lock)
    // One without a number is being written, unless its writer was killed just then.
    const isLeft = holder === undefined ? ageOf(lock) > 5_000 : !isAlive(holder)
    if (isLeft) rmSync(lock, { force: true })
    else if (waits === 0) say('Waiting for another start that is installing')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function holderOf(lock) {
  const text = existsSync(lock) ? readFileSync(lock, 'utf8') : ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function ageOf(path) {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

const localNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
const packageFiles = [
  'package-lock.json',
  'package.json',
  ...readdirSync(join(root, 'packages')).map(name => `packages/${name}/package.json`),
]

takeTurn()

step(
  'packages',
  packageFiles,
  () => existsSync(localNode),
  () => {
    say('Installing packages (about half a minute, once)')
    must(
      'npm',
      ['ci', '--no-audit', '--no-fund', '--loglevel=error'],
      'npm ci failed. Check the network and free disk space, then run the command again.',
    )
  },
)

step(
  'web',
  ['packages/web', 'packages/core/src', 'packages/relay/src', 'package-lock.json'],
  () => existsSync(join(root, 'packages/web/dist/index.html')),
  () => {
    say('Building the web app')
    must(
      localNode,
      [join(root, 'node_modules/vite/bin/vite.js'), 'build', 'packages/web', '--logLevel', 'warn'],
      'The web app could not be built; the lines above say why.',
    )
  },
)

const clusterSettings = '/etc/postgresql-common/createcluster.d/meshbook-tests.conf'
/** Libraries of the system's Python: Jupyter's own judge of notebook files, and what makes real ones. */
const pythonModules = ['nbformat', 'ipykernel', 'pandas', 'matplotlib'].map(name => ({
  file: `/usr/lib/python3/dist-packages/${name}/__init__.py`,
  package: `python3-${name}`,
}))

if (mode === 'test') installTools()
if (mode === 'test') installServer()
if (mode === 'test' && process.platform === 'linux' && process.getuid?.() === 0) installCriu()

/** What saves and restores processes, in the cache of the tests: most distributions' own is too old for new kernels. */
function installCriu() {
  const script = 'import(process.argv[1]).then(it => it.criuFolder())'
  must(
    localNode,
    ['--disable-warning=ExperimentalWarning', '-e', script, join(root, 'tests/contract/criu.ts')],
    'CRIU could not be set up; the lines above say why.',
  )
}

/** The stock server of y-websocket, which version 3 no longer has, in the cache of the benchmarks. */
function installServer() {
  const script =
    "import(process.argv[1]).then(it => it.peerFolder({ name: 'y-websocket', version: '2.1.0', packages: ['y-websocket@2.1.0'] }))"
  must(
    localNode,
    ['--disable-warning=ExperimentalWarning', '-e', script, join(root, 'bench/relay/peer-package.ts')],
    'The server of y-websocket could not be installed; the lines above say why.',
  )
}

/** What the tests use beyond npm packages, from the distribution's own packages. */
function installTools() {
  const tools = [
    { command: 'chromium', package: 'chromium' },
    { command: 'strace', package: 'strace' },
    { command: 'pg_lsclusters', package: 'postgresql' },
    { command: 'redis-server', package: 'redis-server' },
    { command: 'ip', package: 'iproute2' },
    { command: 'unshare', package: 'util-linux' },
    { command: 'iptables', package: 'iptables' },
    { command: 'mmdebstrap', package: 'mmdebstrap' },
    { command: 'unshare', package: 'util-linux' },
    { command: 'perl', package: 'perl' },
    { file: '/usr/sbin/nginx', package: 'nginx-light' },
    { command: 'certutil', package: 'libnss3-tools' },
    { command: 'firefox-esr', package: 'firefox-esr' },
    { command: 'R', package: 'r-base-core' },
    { file: '/usr/share/jupyter/kernels/ir/kernel.json', package: 'r-cran-irkernel' },
    { command: 'dockerd', package: 'docker.io' },
    { command: 'debootstrap', package: 'debootstrap' },
    { command: 'bwrap', package: 'bubblewrap' },
    { command: 'rg', package: 'ripgrep' },
    { command: 'mkfs.ext4', package: 'e2fsprogs' },
    { command: 'setpriv', package: 'util-linux' },
    { file: '/usr/share/doc/python3-venv', package: 'python3-venv' },
    ...pythonModules,
  ]
  const missing = tools.filter(tool => !isThere(tool)).map(tool => tool.package)
  if (missing.length === 0) return
  if (!onPath('apt-get')) return say(`Not installed: ${missing.join(', ')}. The tests that need them are skipped.`)
  const sudo = process.getuid?.() === 0 ? [] : ['sudo']
  say(`Installing ${missing.join(', ')} for the tests`)
  const [command, ...rest] = [...sudo, 'apt-get']
  spawnSync(command, [...rest, 'update', '-qq'], { stdio: 'ignore' })
  if (missing.includes('postgresql')) withoutCluster(sudo)
  must(
    command,
    [...rest, 'install', '-y', '-qq', '--no-install-recommends', ...missing],
    `Install them by hand: apt-get install ${missing.join(' ')}`,
  )
  if (missing.includes('postgresql'))
    spawnSync(...commandOf([...sudo, 'rm', '-f', clusterSettings]), { stdio: 'ignore' })
  if (missing.includes('redis-server')) withoutService(sudo, 'redis-server')
  if (missing.includes('nginx-light')) withoutService(sudo, 'nginx')
  if (missing.includes('docker.io')) withoutService(sudo, 'docker')
}

/** The tests start servers of their own: Debian is to make no cluster, and to leave no service running. */
function withoutCluster(sudo) {
  const write = `mkdir -p ${dirname(clusterSettings)} && echo 'create_main_cluster = false' > ${clusterSettings}`
  must(...commandOf([...sudo, 'sh', '-c', write]), `${clusterSettings} could not be written.`)
}

/** A service that was not there before is not to be there afterwards; one that was is somebody's. */
function withoutService(sudo, name) {
  if (onPath('systemctl'))
    spawnSync(...commandOf([...sudo, 'systemctl', 'disable', '--now', name]), { stdio: 'ignore' })
}

function commandOf([command, ...args]) {
  return [command, args]
}

/** Some packages bring no command of their own. */
function isThere({ command, file }) {
  return file === undefined ? onPath(command) : existsSync(file)
}

function onPath(command) {
  try {
    execFileSync('which', [command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
