/** Random programs give the same document on every path; the full count is `npm run soak -- programs`. */
import { test } from 'node:test'
import { temporaryFolder } from '../mesh-process.ts'
import { sameDocuments } from '../programs/same-document.ts'

test('KH30 random programs give the same document alone, through a hub, and after cuts and kills', async t => {
  const figures = await sameDocuments(
    t,
    () => temporaryFolder(t),
    7,
    20,
    text => t.diagnostic(text),
  )
  t.diagnostic(JSON.stringify(figures))
})
