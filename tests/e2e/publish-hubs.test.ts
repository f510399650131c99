/** Published pages of several hubs on one PostgreSQL: what one does, the others serve at once (PB12, PB13, PB14). */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openDocument } from '@meshbook/hub/testing/open-document.ts'
import { rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { eventually } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'
import { startTwoHubs } from '../two-hubs.ts'

const postgres = await TestPostgres.start({ after })

test('PB12 PB13 PB14 PB19 what is published, pinned, renamed or taken back at one hub is so at the other with the answer', async t => {
  const { a, b } = await startTwoHubs(t, postgres, { redis: false })
  const { id } = await a.document('n.md', '# N\n\nfirst words\n')
  const read = (test: typeof a, path: string) => rawRequest(test.hub.url + path, {})
  const page = '/@me/demo/n'
  for (let round = 0; round < 10; round++) {
    const [here, there] = round % 2 === 0 ? [a, b] : [b, a]
    await here.json('PUT', `/publications/${id}`, { mode: 'continuous' })
    // Both have made the page and keep it.
    for (const hub of [there, here]) assert.equal((await read(hub, page)).status, 200, `round ${round}`)
    await here.json('DELETE', `/publications/${id}`)
    for (const path of [page, `${page}.md`, '/@me/demo/'])
      assert.equal((await read(there, path)).status, 404, `round ${round} ${path}`)
  }
  await a.json('PUT', `/publications/${id}`, { mode: 'pinned' })
  assert.match((await read(b, page)).text, /first words/)
  const doc = openDocument(t, a, 'n.md')
  await eventually('the document', async () => doc.getText('content').length > 0)
  doc.getText('content').insert(0, 'second words\n')
  await eventually('the edit', async () =>
    (await (await b.api('GET', `/documents/${id}/content`)).text()).includes('second words'),
  )
  assert.doesNotMatch((await read(b, page)).text, /second words/)
  await b.json('PUT', `/publications/${id}`, { mode: 'continuous' })
  assert.match((await read(a, page)).text, /second words/)
  await a.json('PATCH', `/documents/${id}`, { path: 'm.md' })
  const moved = await read(b, page)
  assert.deepEqual([moved.status, moved.headers.location], [301, '/@me/demo/m'])
})
