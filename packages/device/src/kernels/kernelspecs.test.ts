import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { locksOf, markName } from '../environments/lock-file.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { chooseKernel } from './kernel-choice.ts'
import { findKernelspecs } from './kernelspecs.ts'
import { RuntimeFinder } from './runtime-finder.ts'

/** A machine with nothing on it but what the test puts there, beside what every machine has. */
async function machine() {
  const root = await temporaryFolder()
  const project = join(root, 'project')
  const env: NodeJS.ProcessEnv = {
    PATH: `${join(root, 'bin')}:/usr/bin:/bin`,
    HOME: root,
    JUPYTER_PATH: [join(root, 'first'), join(root, 'second')].join(':'),
  }
  const places = { projectFolder: project, env, nodePath: process.execPath }
  const write = async (path: string, content: string, mode = 0o644) => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
    await chmod(join(root, path), mode)
  }
  const spec = (folder: string, name: string, content: object | string) =>
    write(
      `${folder}/kernels/${name}/kernel.json`,
      typeof content === 'string' ? content : JSON.stringify({ argv: ['sh', '{connection_file}'], ...content }),
    )
  /** An environment whose Python says that ipykernel is there, or not. */
  const venv = (has: boolean, folder = 'project/.venv') =>
    write(
      `${folder}/bin/python`,
      `#!/bin/sh\ncase "$2" in *find_spec*) exit ${has ? 0 : 1};; esac\nexec /usr/bin/python3 "$@"\n`,
      0o755,
    )
  await mkdir(project, { recursive: true })
  return {
    root,
    places,
    write,
    spec,
    venv,
    choose: (language: string, kernelspec?: string) => chooseKernel({ language, kernelspec }, places),
  }
}

test('the first kernelspec of a name counts, whatever its case, in the order of the folders (JK1)', async () => {
  const { places, spec, root } = await machine()
  await spec('second', 'Own', { language: 'lang', display_name: 'second' })
  await spec('first', 'own', { language: 'lang', display_name: 'first', interrupt_mode: 'message', env: { A: '1' } })
  await spec('project/.venv/share/jupyter', 'venv', { language: 'Python' })
  await spec('.local/share/jupyter', 'user', { language: 'R' })
  const { specs } = await findKernelspecs(places)
  const own = specs.filter(each => ['own', 'venv', 'user'].includes(each.name.toLowerCase()))
  assert.deepEqual(
    own.map(({ displayName, language, interruptMode }) => [displayName, language, interruptMode]),
    [
      ['first', 'lang', 'message'],
      ['venv', 'python', 'signal'],
      ['user', 'r', 'signal'],
    ],
  )
  assert.deepEqual(own[0]!.argv, ['/usr/bin/sh', '{connection_file}'])
  assert.equal(own[0]!.resourceDir, join(root, 'first/kernels/own'))
})

test('a broken kernelspec is told and keeps no other from being found (JK2)', async () => {
  const { places, spec, root } = await machine()
  await spec('first', 'a', '{')
  await spec('first', 'b', { argv: [], language: 'x' })
  await spec('first', 'c', { argv: ['no-such-program'], language: 'x' })
  await spec('first', 'd', { language: 'x', interrupt_mode: 'shout' })
  await spec('first', 'e', `{"argv":["sh"],"language":"x","pad":"${'x'.repeat(limits.kernelspecBytes)}"}`)
  await mkdir(join(root, 'first/kernels/f/kernel.json'), { recursive: true })
  await spec('first', 'g', { language: 'x' })
  const { specs, broken } = await findKernelspecs(places)
  assert.ok(specs.some(each => each.name === 'g'))
  assert.deepEqual(
    broken.map(({ name }) => name),
    ['a', 'b', 'c', 'd', 'e'],
  )
  assert.match(broken[2]!.reason, /no-such-program was not found/)
  assert.match(broken[4]!.reason, /larger than 65536 bytes/)
})

test('at most so many kernelspecs are read (JK1)', async () => {
  const { places, spec } = await machine()
  for (let i = 0; i < limits.kernelspecsPerDevice + 5; i++) await spec('first', `k${i}`, { language: 'x' })
  assert.equal((await findKernelspecs(places)).specs.length, limits.kernelspecsPerDevice)
})

test('the kernelspec that is named is taken, if it is for the language of the cell (JK3)', async () => {
  const { choose, spec } = await machine()
  await spec('first', 'mine', { language: 'python' })
  assert.equal((await choose('python', 'MINE')).spec?.name, 'mine')
  const shell = await choose('bash', 'mine')
  assert.deepEqual([shell.spec, shell.notice, shell.kind.title], [undefined, undefined, 'Bash'])
  assert.equal((await choose('python')).spec, undefined, 'without a wish, the kernel that comes with Meshbook')
})

test('a language that Meshbook has no kernel for gets the first kernelspec of it (JK3)', async () => {
  const { choose, spec } = await machine()
  await spec('first', 'b', { language: 'cobol' })
  await spec('second', 'a', { language: 'cobol' })
  assert.equal((await choose('COBOL')).spec?.name, 'b')
  await assert.rejects(choose('fortran'), { code: 'KERNEL_MISSING' })
})

test('python3 means the ipykernel of the project’s .venv, and without it the built-in kernel and an offer (JK3)', async () => {
  const { choose, spec, venv, places } = await machine()
  await spec('first', 'python3', { argv: ['/usr/bin/python3', '-m', 'ipykernel_launcher'], language: 'python' })
  await venv(false)
  const without = await choose('python', 'python3')
  assert.equal(without.spec, undefined)
  assert.equal(
    without.notice,
    'ipykernel is not installed in .venv; using the built-in kernel; install it with `.venv/bin/python -m pip install ipykernel`',
  )
  await venv(true)
  const { spec: found, notice } = await choose('python', 'python3')
  assert.equal(found?.argv[0], join(places.projectFolder, '.venv/bin/python'))
  assert.equal(notice, undefined)
})

test('so it is in venv and in a conda environment, each with the command that fits (JK3)', async () => {
  for (const [folder, python, offer] of [
    [
      'project/venv',
      'venv',
      'not installed in venv; using the built-in kernel; install it with `venv/bin/python -m pip install ipykernel`',
    ],
    [
      'miniforge3/envs/notes',
      'conda',
      'not installed in the conda environment notes; using the built-in kernel; install it with `conda install --name notes ipykernel`',
    ],
  ] as const) {
    const { choose, root, venv, write } = await machine()
    if (python === 'conda') await write('project/environment.yml', 'name: notes\n')
    await venv(false, folder)
    assert.equal((await choose('python', 'python3')).notice, `ipykernel is ${offer}`)
    await venv(true, folder)
    assert.equal((await choose('python', 'python3')).spec?.argv[0], join(root, folder, 'bin/python'))
  }
})

test('what uv has made gets packages by uv (JK3)', async () => {
  const offer = async (files: string[]) => {
    const { choose, venv, write } = await machine()
    const folder = files.includes('venv') ? 'project/venv' : 'project/.venv'
    await venv(false, folder)
    await write(`${folder}/pyvenv.cfg`, 'home = /usr/bin\nuv = 0.9.0\n')
    if (files.includes('uv.lock')) await write('project/uv.lock', '')
    return /install it with (.*)/.exec((await choose('python', 'python3')).notice!)?.[1]
  }
  assert.equal(await offer([]), '`uv pip install ipykernel`')
  assert.equal(await offer(['uv.lock']), '`uv add ipykernel`')
  assert.equal(await offer(['uv.lock', 'venv']), '`uv pip install --python venv ipykernel`')
})

test('python3 means the environment that was made for the lock file, and kernelspecs are found in it (JK1, JK3)', async () => {
  const { choose, places, root, spec, venv, write } = await machine()
  const { projectFolder } = places
  for (const [file, words] of [
    ['environment.yml', 'add ipykernel to environment.yml'],
    ['requirements.txt', 'add ipykernel to requirements.txt'],
    ['uv.lock', 'run `uv add ipykernel`'],
  ] as const) {
    await write(`project/${file}`, 'greet\n')
    const { folder } = (await locksOf(projectFolder)).find(lock => lock.file === file)!
    const name = folder.slice(root.length + 1)
    await venv(false, name)
    const { notice } = await choose('python', 'python3')
    assert.ok(!notice?.includes(file), 'not before it is whole (EN4)')
    await write(`${name}/${markName}`, '{}')
    assert.equal(
      (await choose('python', 'python3')).notice,
      `ipykernel is not installed in the environment made from ${file}; using the built-in kernel; ${words} and create the environment again`,
    )
    await venv(true, name)
    assert.equal((await choose('python', 'python3')).spec?.argv[0], join(folder, 'bin/python'))
    await spec(`${name}/share/jupyter`, 'own', { argv: ['python'], language: 'python' })
    assert.equal((await choose('python', 'own')).spec?.argv[0], join(folder, 'bin/python'))
  }
  await venv(true)
  const own = await choose('python', 'python3')
  assert.equal(own.spec?.argv[0], join(projectFolder, '.venv/bin/python'), "the user's own comes first (EN2)")
})

test('what is installed is asked again when something was installed, and else not (JK14)', async () => {
  const { places, spec, write } = await machine()
  let now = 0
  const finder = new RuntimeFinder({ places, urls: {}, now: () => now, keptMs: 20_000 })
  const julia = async () => (await finder.find()).find(({ language }) => language === 'julia')?.version
  await write('bin/asked', '')
  await write('bin/julia', `#!/bin/sh\necho x >> ${places.env.HOME}/asked\necho julia version 1.10.1\n`, 0o755)
  const asked = async () => (await readFile(join(places.env.HOME!, 'asked'), 'utf8')).split('x').length - 1
  assert.equal(await julia(), '1.10.1')
  await Promise.all([julia(), julia(), julia()])
  assert.equal(await asked(), 1)
  await spec('.local/share/jupyter', 'fresh', { language: 'cobol' })
  assert.ok((await finder.find()).some(({ language }) => language === 'cobol'))
  await rm(join(places.env.HOME!, 'bin/julia'))
  assert.equal(await julia(), undefined)
  await write('bin/julia', '#!/bin/sh\necho julia version 1.11.0\n', 0o755)
  assert.equal(await julia(), '1.11.0')
  await writeFile(join(places.env.HOME!, 'bin/julia'), '#!/bin/sh\necho julia version 1.12.0\n')
  assert.equal(await julia(), '1.11.0', 'written in place: that is seen later')
  now += 20_000
  assert.equal(await julia(), '1.12.0')
})

test('what was asked for and is missing or broken is replaced, and that is said (JK3)', async () => {
  const { choose, spec } = await machine()
  await spec('first', 'broken', { argv: ['no-such-program'], language: 'python' })
  assert.match(
    (await choose('python', 'gone')).notice!,
    /^the kernelspec “gone” is not installed on this device; using the built-in kernel$/,
  )
  assert.match(
    (await choose('python', 'broken')).notice!,
    /kernel\.json cannot be used \(its program no-such-program was not found\)/,
  )
  await assert.rejects(choose('fortran', 'gone'), (error: MeshError) =>
    /“gone” is not installed/.test(error.detail ?? ''),
  )
})
