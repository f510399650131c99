/** A notebook that names a Jupyter kernel, run by the real daemon. */
import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

const cells =
  '```python\nimport sys\nprint("ipykernel" in sys.modules)\nanswer = 42\n```\n\n```python\nanswer\n```\n\n```bash\necho $0\n```\n'
const notebook = `---\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n# Notebook\n\n${cells}`

async function attached(t: Parameters<typeof temporaryFolder>[0]) {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const folder = join(data, 'work')
  await mkdir(folder)
  const file = join(folder, 'notebook.md')
  await writeFile(file, notebook)
  return { data, folder, file, attach: () => command(['attach', folder, '--data', data]) }
}

test('a notebook with the kernelspec python3 runs in ipykernel, its Bash cells in Bash, its names live on (JK3)', async t => {
  const { data, file, attach } = await attached(t)
  await attach()
  const { code, stdout, stderr } = await command(['run', file, '--data', data])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^True\n42\n.*bash\n$/)
  await eventually('the file has the output', async () =>
    /```output[\s\S]*True[\s\S]*42/.test(await readFile(file, 'utf8')),
  )
  const sessions = await command(['sessions', '--data', data])
  assert.match(sessions.stdout, /default \(python3\)/)
})

test('without ipykernel in the .venv the built-in kernel runs it, and offers what would help, once (JK3)', async t => {
  const { data, folder, file, attach } = await attached(t)
  await mkdir(join(folder, '.venv/bin'), { recursive: true })
  await writeFile(join(folder, '.venv/pyvenv.cfg'), 'home = /usr/bin\ninclude-system-site-packages = false\n')
  await symlink('/usr/bin/python3', join(folder, '.venv/bin/python'))
  await attach()
  const { code, stdout, stderr } = await command(['run', file, '--data', data])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^False\n42\n/)
  const offer =
    /ipykernel is not installed in \.venv; using the built-in kernel; install it with `\.venv\/bin\/python -m pip install ipykernel`/g
  assert.equal(stderr.match(offer)?.length, 1)
  const again = await command(['run', file, '--cell', '1', '--data', data])
  assert.doesNotMatch(again.stderr, offer)
  assert.doesNotMatch(await readFile(file, 'utf8'), /ipykernel is not installed/)
})
