/** The kernel contract on ipykernel, and what only it does. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { ipykernel } from './jupyter-python.ts'
import { bed, execute, kernelContract, order, outcome, when } from './kernel.ts'

kernelContract(ipykernel)

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

test('python3 (Jupyter): in a project with venv it is the Python of that, where that has ipykernel (JK3)', async t => {
  const it = await bed(t, ipykernel)
  await mkdir(join(it.project, 'venv/bin'), { recursive: true })
  await writeFile(join(it.project, 'venv/pyvenv.cfg'), 'home = /usr/bin\ninclude-system-site-packages = true\n')
  await symlink('/usr/bin/python3', join(it.project, 'venv/bin/python'))
  const session = await it.sessions.start(it.spec)
  const { stdout } = await execute(session, 'import sys\nprint("ipykernel" in sys.modules, sys.prefix)')
  assert.equal(stdout, `True ${join(it.project, 'venv')}\n`)
})
