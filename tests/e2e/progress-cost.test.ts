/** What a progress bar costs: the shipped hub and device with a real kernel, counted in what the hub has stored. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { updatesOfRow } from '@meshbook/relay/store/packed-updates.ts'
import * as Y from 'yjs'
import { eventually } from '../mesh-process.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }

/** As tqdm draws it, in colours, and the last line that stays. */
const bar = (frames: number, pauseMs: number): string => `import sys, time
for i in range(1, ${frames} + 1):
    share = i / ${frames}
    full = int(share * 30)
    sys.stdout.write('\\r\\x1b[32m%3d%%\\x1b[0m|%s%s| %d/${frames} [00:%02d<00:%02d, %7.2fit/s]' % (share * 100, '█' * full, ' ' * (30 - full), i, i // 500, (${frames} - i) // 500, 1234.5 + i % 97))
    sys.stdout.flush()
    ${pauseMs > 0 ? `time.sleep(${pauseMs / 1000})` : 'pass'}
print()`

async function cost(t: TestContext, code: string) {
  const closers: (() => Promise<unknown>)[] = []
  t.after(async () => {
    for (const close of closers) await close()
  })
  const hub = await startTestHub(t)
  const [data, folder] = [await temporaryFolder(), await temporaryFolder()]
  await writeFile(join(folder, 'bar.md'), `# Bar\n\n\`\`\`python\n${code}\n\`\`\`\n\nAfter it.\n`)
  const kernels = createKernelSessions({ folder: join(data, 'sessions'), now: Date.now, random: systemRandom, limits })
  const device = await startDevice(
    {
      folder: data,
      name: 'Desk',
      kind: 'desktop',
      hub: { url: hub.hub.url },
      limits,
      kernels,
      projectsFolder: data,
      register: (key, name, kind) => hub.hub.registerDevice(key, name, kind),
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  closers.push(
    () => device.close(),
    () => kernels.stopAll(),
  )
  const { id, name, owner, tree } = hub.project
  await device.attach({ project: { id, name, owner, tree }, folder })
  const document = await eventually('the notebook is at the hub', async () => {
    const { items } = await hub.json<{ items: { id: string; path: string }[] }>('GET', `/documents?project=${id}`)
    return items.find(({ path }) => path === 'bar.md')?.id
  })
  const text = async (): Promise<string> => (await hub.api('GET', `/documents/${document}/content`)).text()
  await eventually('its text is there', async () => (await text()).includes('After it.'))
  const updates = updatesOf(hub.folder, document)
  const before = { text: (await text()).length, state: stateBytes(updates()), updates: updates().length }
  const run = newId('run', Date.now(), systemRandom)
  await hub.json('POST', '/runs', { id: run, document, language: 'python', code, cell: { by: 'index', index: 0 } })
  const ended = await eventually(
    'the run ends',
    async () => {
      const found = await hub.json<Run>('GET', `/runs/${run}`)
      return found.endedAt !== null && found
    },
    60_000,
  )
  assert.equal(ended.status, 'completed')
  await eventually('its end is in the document', async () => /100%.*10000\/10000.*\n```\n/.test(await text()))
  await eventually('and in the entry', () => entryOf(updates(), run)?.status === 'completed')
  const after = updates()
  return {
    shown: Buffer.byteLength(await text()) - before.text,
    // The request itself stands in the entry, with its code.
    state: stateBytes(after) - before.state - Buffer.byteLength(code),
    updates: after.slice(before.updates).reduce((sum, update) => sum + update.length, 0),
    count: after.length - before.updates,
  }
}

/** What the hub has stored of the document, in order. */
function updatesOf(folder: string, document: string): () => Uint8Array[] {
  return () => {
    const database = new DatabaseSync(join(folder, 'hub.db'), { readOnly: true })
    const rows = database
      .prepare('SELECT updates, data FROM relay_updates WHERE document_id = ? ORDER BY position')
      .all(document)
    database.close()
    return rows.flatMap(({ updates, data }) =>
      updates === 1 ? [data as Uint8Array] : updatesOfRow(data as Uint8Array),
    )
  }
}

function docOf(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

const stateBytes = (updates: readonly Uint8Array[]): number => Y.encodeStateAsUpdate(docOf(updates)).length

function entryOf(updates: readonly Uint8Array[], run: string): { status?: string } | undefined {
  return (docOf(updates).getMap('executions').get(run) as Y.Map<unknown> | undefined)?.toJSON()
}

for (const [how, pauseMs] of [
  ['over several seconds', 0.7],
  ['as fast as it can', 0],
] as const) {
  test(`10,000 frames of a progress bar ${how} cost at most 1 KB of document and 20 KB of updates (KH31)`, async t => {
    const { shown, state, updates, count } = await cost(t, bar(10_000, pauseMs))
    t.diagnostic(`${shown} bytes of text, ${state} of document, ${updates} in ${count} updates`)
    assert.ok(shown <= 1024 && state <= 1024, `${shown} bytes of text, ${state} of document`)
    assert.ok(updates <= 20 * 1024, `${updates} bytes in ${count} updates`)
  })
}
