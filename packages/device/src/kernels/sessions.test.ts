import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Fence, newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SessionSpec } from './port.ts'
import { processesOf } from './process-tree.ts'
import { createKernelSessions } from './sessions.ts'

async function bench(t: TestContext, env: NodeJS.ProcessEnv = process.env) {
  const root = await mkdtemp(join(tmpdir(), 'meshbook-sessions-'))
  const sessions = createKernelSessions({
    folder: join(root, 'sessions'),
    now: Date.now,
    random: systemRandom,
    limits,
    env,
  })
  t.after(async () => {
    await sessions.stopAll()
    await rm(root, { recursive: true, force: true })
  })
  const id = <K extends 'session' | 'head' | 'project'>(kind: K) => newId(kind, Date.now(), systemRandom)
  const specOf = (language: string): SessionSpec => ({
    session: id('session'),
    head: id('head'),
    fence: 1 as Fence,
    project: id('project'),
    projectFolder: root,
    language,
    name: 'default',
    device: 'Bench',
  })
  return { root, sessions, specOf }
}

const fails = (code: string, detail: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && detail.test(error.detail ?? '')

test('a language without a program is missing, with what to install', async t => {
  const { sessions, specOf } = await bench(t, { PATH: '/nowhere' })
  // What this machine has of Jupyter's is not in the path.
  const builtIn = (await sessions.runtimes()).filter(({ kernel }) => !kernel.includes(' · '))
  assert.deepEqual(
    builtIn.map(({ language }) => language),
    ['javascript'],
  )
  assert.match((await sessions.missing('sh')) ?? '', /Install bash/)
  assert.equal(await sessions.missing('typescript'), undefined)
  await assert.rejects(sessions.start(specOf('bash')), fails('KERNEL_MISSING', /Install bash/))
  await assert.rejects(sessions.start(specOf('cobol')), fails('KERNEL_MISSING', /no kernel for "cobol"/))
})

test("the project's own environment comes before the machine's Python", async t => {
  const { sessions, specOf, root } = await bench(t)
  const folder = join(root, '.venv/bin')
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'python'),
    `#!/bin/sh\ncase "$1" in -c) echo "3.99.0 ${folder}/python";; *) exit 7;; esac\n`,
  )
  await chmod(join(folder, 'python'), 0o755)
  await assert.rejects(sessions.start(specOf('python')), fails('KERNEL_START', /ended at its start.*status 7/))
})

test('a project folder that is gone is named', async t => {
  const { sessions, specOf } = await bench(t)
  await assert.rejects(
    sessions.start({ ...specOf('bash'), projectFolder: '/no/such/folder' }),
    fails('KERNEL_START', /\/no\/such\/folder/),
  )
})

test('two starts of one session at the same time give one kernel; an older fence is refused (I4)', async t => {
  const { sessions, specOf } = await bench(t)
  const spec = specOf('bash')
  const [one, two] = await Promise.all([sessions.start(spec), sessions.start({ ...spec, fence: 2 as Fence })])
  assert.equal(one, two)
  assert.equal(one.spec.fence, 2)
  await assert.rejects(sessions.start(spec), fails('STALE_FENCE', /fence 2/))
})

test('a host whose folder was removed ends, with its kernel (I9)', async t => {
  const { sessions, specOf, root } = await bench(t)
  const spec = specOf('bash')
  await sessions.start(spec)
  await sessions.close()
  await rm(join(root, 'sessions'), { recursive: true, force: true })
  for (let i = 0; i < 200 && (await processesOf(spec.session, undefined)).length > 0; i++) await sleep(50)
  assert.deepEqual(await processesOf(spec.session, undefined), [])
})

test('a folder that holds no session any more does not disturb recovery', async t => {
  const { sessions, root, specOf } = await bench(t)
  const broken = join(root, 'sessions', newId('session', 1, systemRandom))
  await mkdir(broken, { recursive: true })
  await writeFile(join(broken, 'spec.json'), '{"spec":')
  assert.deepEqual(await sessions.recover(), [])
  assert.match((await sessions.start(specOf('bash'))).kernelName, /^Bash \d/)
})
