/** Environments with the real tools where they can be had here; conda and renv are played by programs that are strict about how they are called. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { kindOf } from '../kernels/languages.ts'
import { processesOf } from '../kernels/process-tree.ts'
import { until } from '../testing/until.ts'
import { Environments } from './environments.ts'
import { locksOf, madeEnvironment, markName } from './lock-file.ts'

const run = promisify(execFile)
const project = newId('project', Date.now(), systemRandom)

interface Desk {
  folder: string
  environments: Environments
  env: NodeJS.ProcessEnv
  write(name: string, text: string): Promise<void>
  /** A program on PATH, found before any other of its name. */
  program(name: string, script: string): Promise<void>
  state(): string | undefined
}

async function desk(t: TestContext, { automatic = false, path = process.env.PATH! } = {}): Promise<Desk> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'meshbook-environment-')))
  const programs = join(folder, '..', `${folder.split('/').at(-1)}-programs`)
  await mkdir(programs)
  const env = { ...process.env, PATH: [programs, path].join(delimiter) }
  const environments = new Environments({
    folders: () => [{ project, folder }],
    isAutomatic: () => automatic,
    env,
    limits: { ...limits, environmentLookMs: 50, problemsMs: 5 },
    changed: () => undefined,
  })
  t.after(async () => {
    await environments.close()
    for (const each of [folder, programs]) await rm(each, { recursive: true, force: true })
  })
  return {
    folder,
    environments,
    env,
    write: async (name, text) => {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), text)
    },
    program: async (name, script) => {
      await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`)
      await chmod(join(programs, name), 0o755)
    },
    state: () => environments.list()[0]?.state,
  }
}

/** A package without dependencies, in the project itself: nothing is asked of any registry. */
async function wheel({ folder }: Desk): Promise<string> {
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("greet.py", "def hello(): return 'hello from greet'\\n")
    z.writestr("greet-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: greet\\nVersion: 1.0\\n")
    z.writestr("greet-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("greet-1.0.dist-info/RECORD", "greet.py,,\\ngreet-1.0.dist-info/METADATA,,\\ngreet-1.0.dist-info/WHEEL,,\\ngreet-1.0.dist-info/RECORD,,\\n")
`
  await run('python3', ['-c', script, join(folder, 'greet-1.0-py3-none-any.whl')])
  return './greet-1.0-py3-none-any.whl\n'
}

const settled = (d: Desk) =>
  until('the environment is made or has failed', () => ['ready', 'failed'].includes(d.state() ?? ''), 60_000)

/** Without uv, whatever this machine has. */
const withoutUv = (t: TestContext) => desk(t, { path: '/usr/bin:/bin' })

test('EN1 EN3 EN9 requirements.txt becomes an environment of its own below .meshbook, with progress, and Python is found there', async t => {
  const d = await withoutUv(t)
  await d.write('requirements.txt', await wheel(d))
  await d.environments.look()
  assert.deepEqual(d.environments.list(), [{ project, language: 'python', file: 'requirements.txt', state: 'missing' }])
  const seen = new Set<string>()
  await d.environments.make(project, 'python')
  assert.equal(d.state(), 'making')
  const isMade = () => {
    const [now] = d.environments.list()
    if (now?.step) seen.add(now.step.split(':')[0]!)
    return now?.state === 'ready' || now?.state === 'failed'
  }
  await until('the environment is made', isMade, 60_000)
  assert.equal(d.state(), 'ready', JSON.stringify(d.environments.list()))
  assert.ok(seen.has('Making the environment') && seen.has('Installing packages'), [...seen].join())
  const made = await madeEnvironment(d.folder, 'python')
  assert.match(made!, /\/\.meshbook\/environments\/python-[0-9a-f]{16}$/)
  const python = await kindOf('python')!.find({ projectFolder: d.folder, env: d.env, nodePath: process.execPath })
  assert.equal(python!.path, join(made!, 'bin/python'))
  const { stdout } = await run(python!.path, ['-c', 'import greet; print(greet.hello())'])
  assert.equal(stdout, 'hello from greet\n')
})

test('EN3 EN10 another lock file is another environment; the newest stay', async t => {
  const d = await desk(t)
  await d.program('uv', '[ "$1" = venv ] && mkdir -p "$5/bin"; exit 0')
  for (const version of [1, 2, 3, 4, 5]) {
    await d.write('requirements.txt', `greet==${version}\n`)
    await d.environments.make(project, 'python')
    await settled(d)
    assert.equal(d.state(), 'ready')
    const made = (await madeEnvironment(d.folder, 'python'))!
    await utimes(join(made, markName), version, version)
  }
  const left = await readdir(join(d.folder, '.meshbook/environments'))
  assert.equal(left.length, limits.environmentsPerLanguage)
  assert.ok(await madeEnvironment(d.folder, 'python'))
})

test('EN4 half of an environment counts as none, and goes before it is made again', async t => {
  const d = await desk(t)
  await d.program('uv', '[ "$1" = venv ] && { [ -e "$5/half" ] && exit 9; mkdir -p "$5/bin"; }; exit 0')
  await d.write('requirements.txt', 'greet\n')
  const [lock] = await locksOf(d.folder)
  await mkdir(lock!.folder, { recursive: true })
  await writeFile(join(lock!.folder, 'half'), '')
  await writeFile(`${lock!.folder}.maker`, JSON.stringify({ pid: 2 ** 22 + 1, identity: 'gone' }))
  await d.environments.look()
  assert.equal(d.state(), 'missing')
  await d.environments.make(project, 'python')
  await settled(d)
  assert.equal(d.state(), 'ready', JSON.stringify(d.environments.list()))
})

test('EN6 stopping ends all that the tools have started, and nothing is left', async t => {
  const d = await desk(t)
  await d.program('uv', 'echo working; setsid sleep 300 & sleep 300')
  await d.write('requirements.txt', 'greet\n')
  const [lock] = await locksOf(d.folder)
  const started = () => processesOf(`environment ${lock!.folder}`, undefined)
  await d.environments.make(project, 'python')
  await until('the tool works', async () => (await started()).length >= 3)
  d.environments.stop(project, 'python')
  await until('it is over', () => d.state() === 'missing')
  assert.deepEqual(await started(), [])
  assert.deepEqual(await readdir(join(d.folder, '.meshbook/environments')), [])
})

test("EN7 a failure tells the tool's last words; the next attempt may do better", async t => {
  const d = await desk(t)
  await d.program('uv', 'echo "no version of greet fits" >&2; exit 3')
  await d.write('requirements.txt', 'greet==99\n')
  await d.environments.make(project, 'python')
  await settled(d)
  const [failed] = d.environments.list()
  assert.match(failed!.problem!.text, /could not be created: uv ended with status 3: no version of greet fits/)
  assert.match(failed!.problem!.next, /Mend the lock file/)
  await d.program('uv', '[ "$1" = venv ] && mkdir -p "$5/bin"; exit 0')
  await d.environments.make(project, 'python')
  await settled(d)
  assert.equal(d.state(), 'ready')
})

test('EN7 a tool that is missing is named, with how to get it', async t => {
  const d = await desk(t, { path: '/nonexistent' })
  await d.write('pylock.toml', '[[packages]]\n')
  await d.environments.make(project, 'python')
  await settled(d)
  assert.match(
    d.environments.list()[0]!.problem!.text,
    /pylock\.toml needs uv\. Install uv: `python3 -m pip install uv`/,
  )
})

test('EN2 what the user made is used and left alone', async t => {
  const d = await desk(t)
  await d.program('uv', 'exit 9')
  await d.write('requirements.txt', 'greet\n')
  await d.write('.venv/bin/python', '')
  await d.write('package-lock.json', '{}')
  await d.write('node_modules/greet/index.js', '')
  await d.environments.make(project, 'python')
  assert.deepEqual(
    d.environments.list().map(({ language, state }) => [language, state]),
    [
      ['python', 'own'],
      ['javascript', 'own'],
    ],
  )
  await assert.rejects(d.environments.make(project, 'r'), { code: 'ENVIRONMENT_UNKNOWN' })
})

test('EN5 nothing is installed unasked, and by a policy that says so at once', async t => {
  const careful = await desk(t)
  await careful.write('requirements.txt', 'greet\n')
  await careful.program('uv', '[ "$1" = venv ] && mkdir -p "$5/bin"; exit 0')
  careful.environments.start()
  const eager = await desk(t, { automatic: true })
  await eager.program('uv', '[ "$1" = venv ] && mkdir -p "$5/bin"; exit 0')
  await eager.write('requirements.txt', 'greet\n')
  eager.environments.start()
  await until('it is made', () => eager.state() === 'ready')
  assert.equal(careful.state(), 'missing')
})

test('EN8 tools are told no secret of Meshbook', async t => {
  const d = await desk(t)
  await d.program('uv', '[ "$1" = venv ] && { mkdir -p "$5/bin"; env > "$5/seen"; }; exit 0')
  await d.write('requirements.txt', 'greet\n')
  d.env.MESHBOOK_TOKEN = 'mb_secret'
  await d.environments.make(project, 'python')
  await settled(d)
  const seen = await readFile(join((await madeEnvironment(d.folder, 'python'))!, 'seen'), 'utf8')
  assert.ok(seen.includes('PATH=') && !seen.includes('mb_secret'))
})

test('EN9 package-lock.json is installed by npm, and a cell that imports the package finds it', async t => {
  const d = await desk(t)
  const greet = join(d.folder, 'source')
  await d.write('source/package.json', '{"name":"greet","version":"1.0.0","type":"module","exports":"./index.js"}')
  await d.write('source/index.js', 'export const hello = () => "hello from greet"\n')
  await run('npm', ['pack', '--pack-destination', d.folder], { cwd: greet, env: d.env })
  await d.write('package.json', `{"dependencies":{"greet":"file:${d.folder}/greet-1.0.0.tgz"}}`)
  await run('npm', ['install', '--package-lock-only', '--offline'], { cwd: d.folder, env: d.env })
  await rm(join(d.folder, 'node_modules'), { recursive: true, force: true })
  await d.environments.make(project, 'javascript')
  await settled(d)
  assert.equal(d.state(), 'ready', JSON.stringify(d.environments.list()))
  const made = await madeEnvironment(d.folder, 'javascript')
  const packages = new URL('../../../../kernels/js/packages.ts', import.meta.url).href
  const script = `
    const { findPackagesIn } = await import(${JSON.stringify(packages)})
    findPackagesIn(${JSON.stringify(made)}, ${JSON.stringify(d.folder)})
    const { createRequire } = await import('node:module')
    await import(${JSON.stringify(join(d.folder, 'uses.mjs'))})
    console.log(createRequire(${JSON.stringify(join(d.folder, 'cell.js'))})('greet').hello())`
  await d.write('uses.mjs', "import { hello } from 'greet'\nconsole.log(hello())\n")
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
  assert.equal(stdout, 'hello from greet\nhello from greet\n')
})

test('EN1 EN9 uv.lock and pylock.toml are installed by uv itself', async t => {
  const tools = await mkdtemp(join(tmpdir(), 'meshbook-uv-'))
  t.after(() => rm(tools, { recursive: true, force: true }))
  await run('python3', ['-m', 'venv', tools])
  await run(join(tools, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'uv'])
  const d = await desk(t, { path: `${join(tools, 'bin')}${delimiter}${process.env.PATH}` })
  const path = (await wheel(d)).trim()
  await d.write(
    'pyproject.toml',
    `[project]\nname = "notes"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["greet"]\n[tool.uv.sources]\ngreet = { path = "${path}" }\n`,
  )
  await run('uv', ['lock', '--offline', '--quiet'], { cwd: d.folder, env: d.env })
  await run(
    'uv',
    ['export', '--offline', '--quiet', '--no-emit-project', '--format', 'pylock.toml', '-o', 'pylock.toml'],
    { cwd: d.folder, env: d.env },
  )
  for (const file of ['uv.lock', 'pylock.toml']) {
    await d.environments.make(project, 'python')
    await settled(d)
    assert.deepEqual(
      [d.environments.list()[0]!.file, d.state()],
      [file, 'ready'],
      JSON.stringify(d.environments.list()),
    )
    const made = (await madeEnvironment(d.folder, 'python'))!
    const { stdout } = await run(join(made, 'bin/python'), ['-c', 'import greet; print(greet.hello())'])
    assert.equal(stdout, 'hello from greet\n')
    await rm(join(d.folder, 'uv.lock'), { force: true })
  }
})

test('EN1 conda and renv are called as they want to be', async t => {
  const d = await desk(t)
  await d.program(
    'micromamba',
    '[ "$1 $2 $3" = "create --yes --prefix" ] && [ "$5 $6" = "--file environment.yml" ] && [ -e environment.yml ] && mkdir -p "$4/bin"',
  )
  await d.program('Rscript', '[ "$1 $2" = "--vanilla -e" ] && [ "$4" = . ] && [ -e renv.lock ] && mkdir -p "$5/greet"')
  await d.write('environment.yml', 'name: nowhere-but-here\ndependencies:\n  - python\n')
  await d.write('renv.lock', '{"Packages": {"greet": {"Package": "greet"}}}')
  for (const language of ['python', 'r'] as const) await d.environments.make(project, language)
  await until('both are made', () => d.environments.list().every(({ state }) => ['ready', 'failed'].includes(state)))
  assert.deepEqual(
    d.environments.list().map(({ file, state }) => [file, state]),
    [
      ['environment.yml', 'ready'],
      ['renv.lock', 'ready'],
    ],
  )
})
