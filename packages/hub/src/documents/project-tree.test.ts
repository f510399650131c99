import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import { type DocumentId, newId, type OrgId, systemRandom } from '@meshbook/core/ids.ts'
import { resolveTree } from '@meshbook/core/tree.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import fc from 'fast-check'
import { ProjectTree } from './project-tree.ts'

const names = ['a.md', 'A.md', 'a (2).md', 'b/c.md', 'B/C.md', 'no\\name.md']
const change = fc.record({
  at: fc.nat(9),
  path: fc.constantFrom(...names),
  kind: fc.constantFrom<TreeEntry['kind']>('document', 'document', 'asset'),
  buried: fc.boolean(),
})

test('a tree that grew entry by entry has the paths of one that is read at once', async t => {
  const relay = new Relay({ store: new MemoryDocumentStore(), now: () => 1, random: systemRandom })
  t.after(() => relay.close())
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 20 }), async changes => {
      const key = { org: newId('org', 1, systemRandom) as OrgId, document: newId('document', 1, systemRandom) }
      const ids = Array.from({ length: 10 }, () => newId('document', 1, systemRandom))
      let indexed: [DocumentId, string][] = []
      const tree = new ProjectTree(relay, key, {
        index: async paths => {
          indexed = paths
        },
        filesChanged: () => undefined,
        entriesChanged: () => undefined,
        onError: error => assert.fail(error),
      })
      await tree.ready()
      const writer = openLocalPeer(relay, key, { name: 'somebody' })
      await writer.ready
      const files = writer.doc.getMap<TreeEntry>(sharedNames.files)
      for (const { at, path, kind, buried } of changes)
        files.set(ids[at]!, { path, kind, ...(buried && { deletedAt: 1 }) })
      await writer.durable()
      await tree.settled()
      const paths = [...resolveTree(files.entries())].filter(([id]) => files.get(id)!.kind === 'document')
      for (const [id, path] of paths) assert.equal(tree.idAt(path), id)
      assert.deepEqual(indexed.sort(), paths.sort())
      writer.close()
      tree.close()
    }),
    { numRuns: 60 },
  )
})
