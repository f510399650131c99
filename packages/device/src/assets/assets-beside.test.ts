import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { newId, parseAssetId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { startDevice } from '../device.ts'
import { NodeDisk } from '../projects/node-disk.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'
import { AssetsBeside } from './assets-beside.ts'

const idOf = (text: string) => parseAssetId(`sha256-${createHash('sha256').update(text).digest('hex')}`)

async function put(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

test('DV130 what a text names and stands beside it or above is kept once, with what that names; other bytes and links are not', async () => {
  const root = await temporaryFolder()
  const [deep, table] = [idOf('deep'), idOf(`{"pictures":"${idOf('deep')}"}`)]
  await put(root, `_assets/${deep}.png`, 'deep')
  await put(root, `sub/_assets/${table}.json`, `{"pictures":"${deep}"}`)
  await put(root, `_assets/${idOf('other')}.png`, 'not what its name says')
  await put(root, 'elsewhere', 'linked')
  await symlink(join(root, 'elsewhere'), join(root, `_assets/${idOf('linked')}.png`))
  await put(root, `_assets/${idOf('unnamed')}.png`, 'unnamed')
  const kept: string[] = []
  const keep = async (asset: string, bytes: Uint8Array) => {
    const isRight = asset === idOf(Buffer.from(bytes).toString())
    if (isRight) kept.push(asset)
    return isRight
  }
  const beside = new AssetsBeside({ disk: new NodeDisk(), keep }, root)
  const text = [table, idOf('other'), idOf('linked'), idOf('gone')].map(id => `![](asset:${id})`).join('\n')
  await beside.take('sub/a.md', text)
  assert.deepEqual(kept, [table, deep])
  await beside.take('sub/a.md', `${text}\nmore`)
  assert.equal(kept.length, 2)
})

async function deviceWith(t: Parameters<NonNullable<Parameters<typeof test>[0]>>[0]) {
  const [data, folder] = [await temporaryFolder(), await temporaryFolder()]
  const device = await startDevice(
    { folder: data, name: 'Desk', kind: 'desktop', limits, kernels: new ScriptedKernels(), projectsFolder: data },
    {
      now: Date.now,
      random: systemRandom,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    },
  )
  t.after(() => device.close())
  const { url, token } = await device.serveLoopback({ port: 0, webFolder: null })
  const project = {
    id: newId('project', Date.now(), systemRandom),
    name: 'p',
    owner: 'me',
    tree: newId('document', Date.now(), systemRandom),
  }
  const api = (method: string, path: string, body?: string, type = 'text/markdown') =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body }),
    })
  return { device, folder, project, api }
}

test('DV130 a file that was imported while no Meshbook ran has its pictures on the page, without a hub', async t => {
  const { device, folder, project, api } = await deviceWith(t)
  const asset = idOf('\x89PNG of an import')
  await put(folder, `_assets/${asset}.png`, '\x89PNG of an import')
  await put(folder, 'a.md', `![](asset:${asset})\n`)
  await device.attach({ project, folder })
  await until('the picture', async () => (await api('GET', `/assets/${asset}`)).ok)
})

test('LO22 FM52 the page imports without a hub: pictures are kept by their name, a text of any length, nothing over another', async t => {
  const { device, folder, project, api } = await deviceWith(t)
  await device.attach({ project, folder })
  const asset = idOf('picture')
  const inProject = `?project=${project.id}`
  assert.equal((await api('PUT', `/assets/${asset}${inProject}`, 'other bytes')).status, 400)
  assert.equal((await api('PUT', `/assets/${asset}`, 'picture')).status, 400)
  assert.equal((await api('PUT', `/assets/${asset}${inProject}`, 'picture')).status, 201)
  assert.equal(await (await api('GET', `/assets/${asset}`)).text(), 'picture')
  const text = `${'a line of a notebook\n'.repeat(200_000)}![](asset:${asset})\n`
  const path = `/projects/${project.id}/documents?path=big.md`
  const made = await api('PUT', path, text)
  assert.equal(made.status, 201)
  const { id } = (await made.json()) as { id: string }
  assert.ok((await (await api('GET', `/documents/${id}/content`)).text()) === text)
  const again = await api('PUT', path, 'short')
  assert.deepEqual([again.status, ((await again.json()) as { code: string }).code], [409, 'WOULD_OVERWRITE'])
  assert.equal((await api('PUT', `${path}&replace=yes`, 'short')).status, 200)
  assert.equal(await (await api('GET', `/documents/${id}/content`)).text(), 'short')
  const page = await api('GET', `/documents/${id}/export?to=html`)
  const said = (await page.json()) as { code: string; detail: string }
  assert.equal(said.code, 'UNREACHABLE')
  assert.match(said.detail, /the hub/)
})
