/** A document that is built anew on the hub while a device that has it is away, with the processes that users run. */
import assert from 'node:assert/strict'
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { command, eventually, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'

test('a file that is edited while its device is killed and its document renewed: the text is there once, with both edits', async t => {
  const hubData = await temporaryFolder(t)
  const data = await temporaryFolder(t)
  const hub = await startProcess(t, hubData, ['hub', '--port', '0'], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  const remote = { MESHBOOK_TOKEN: token }
  const daemon = await startProcess(t, data, ['up', '--hub', hub.url, '--name', 'studio'], remote)
  const folder = join(data, 'work')
  const file = join(folder, 'plan.md')
  await mkdir(folder)
  await writeFile(file, '# Plan\n\nfirst\n')
  assert.equal((await command(['attach', folder, '--data', data])).code, 0)
  const api = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
    return answer
  }
  let id: string | undefined
  const textAtHub = async () => (id ? (await api('GET', `/documents/${id}/content`)).text() : '')
  await eventually('the document is at the hub', async () => {
    const projects = (await (await api('GET', '/projects')).json()) as { items: Project[] }
    for (const project of projects.items) {
      const found = (await (await api('GET', `/documents?project=${project.id}`)).json()) as { items: DocumentInfo[] }
      id ??= found.items.find(({ path }) => path === 'plan.md')?.id
    }
    return (await textAtHub()) === '# Plan\n\nfirst\n'
  })
  await daemon.kill('SIGKILL')
  await appendFile(file, 'written offline\n')
  const renewed = await command(['history', 'renew', id!, '--hub', hub.url, '--json'], remote)
  assert.equal(renewed.code, 0, renewed.stderr)
  assert.ok(JSON.parse(renewed.stdout).epoch > 1)
  await startProcess(t, data, ['up'])
  await eventually('the edit is at the hub', async () => (await textAtHub()) === '# Plan\n\nfirst\nwritten offline\n')
  assert.equal(await readFile(file, 'utf8'), '# Plan\n\nfirst\nwritten offline\n')
})
