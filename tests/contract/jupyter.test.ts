/** The kernel contract on kernels of Jupyter's, and what only they do. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { deno, denoKernelspecs } from './jupyter-deno.ts'
import { ipykernel } from './jupyter-python.ts'
import { irkernel } from './jupyter-r.ts'
import { bed, execute, kernelContract, order, outcome, when } from './kernel.ts'

const withDeno = { ...deno, env: { JUPYTER_PATH: await denoKernelspecs() } }

for (const language of [ipykernel, irkernel, withDeno]) kernelContract(language)

test('python3 (Jupyter): a password is asked for as one, and is in no event and no file of the session (JK13)', async t => {
  const it = await bed(t, ipykernel)
  const session = await it.sessions.start(it.spec)
  const password = 'p4ss-w0rd-of-nobody'
  const run = await order(session, 'import getpass\nn = len(getpass.getpass("Secret? "))\nprint("got", n)')
  const question = await when(session, run, event => event.type === 'input-request')
  assert.ok(question.type === 'input-request' && question.password)
  assert.equal(question.prompt, 'Secret? ')
  await session.input(run, question.id, password)
  const { stdout, events } = await outcome(session, run)
  assert.equal(stdout, `got ${password.length}\n`)
  assert.ok(!JSON.stringify(events).includes(password))
  const files = (await readdir(it.folder, { recursive: true, withFileTypes: true })).filter(each => each.isFile())
  assert.ok(files.length > 3)
  for (const { parentPath, name } of files)
    assert.ok(!(await readFile(join(parentPath, name))).includes(password), `${parentPath}/${name}`)
})

test('ir (Jupyter): an interrupt at any moment ends the run, never the kernel (JK11)', async t => {
  const it = await bed(t, irkernel)
  const session = await it.sessions.start(it.spec)
  await execute(session, irkernel.setVariable)
  for (let delay = 0; delay < 60; delay += 4) {
    const run = await order(session, irkernel.sleep)
    await when(session, run, event => event.type === 'started')
    await sleep(delay)
    await session.cancel(run, 'enough')
    const { last } = await outcome(session, run)
    assert.ok(last.type === 'cancelled' && last.reason === 'enough', JSON.stringify(last))
  }
  assert.equal((await execute(session, irkernel.printVariable)).stdout, '42')
})

test('python3 (Jupyter): in a project with venv it is the Python of that, where that has ipykernel (JK3)', async t => {
  const it = await bed(t, ipykernel)
  await mkdir(join(it.project, 'venv/bin'), { recursive: true })
  await writeFile(join(it.project, 'venv/pyvenv.cfg'), 'home = /usr/bin\ninclude-system-site-packages = true\n')
  await symlink('/usr/bin/python3', join(it.project, 'venv/bin/python'))
  const session = await it.sessions.start(it.spec)
  const { stdout } = await execute(session, 'import sys\nprint("ipykernel" in sys.modules, sys.prefix)')
  assert.equal(stdout, `True ${join(it.project, 'venv')}\n`)
})
