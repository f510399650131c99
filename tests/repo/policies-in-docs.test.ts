/** The front matter that docs/sessions.md shows means what the page says. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readFrontMatter } from '@meshbook/core/notebook/front-matter.ts'

test('the policies that the documentation of sessions shows are understood', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/sessions.md'), 'utf8')
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(text)!
  const { failover, onLoss, problem } = readFrontMatter(yaml!)
  assert.deepEqual([failover, onLoss, problem], [{ elsewhereAfterMs: 10_000 }, 'resume', undefined])
  const shown = [...text.matchAll(/`(failover|on-loss|retry): ([^`…]+)`/g)].map(
    ([, name, value]) => `${name}: ${value}`,
  )
  for (const policy of shown) {
    const read = readFrontMatter(`meshbook:\n  ${policy}`)
    assert.ok(read.failover !== undefined || read.onLoss !== undefined, policy)
  }
  assert.ok(shown.length >= 6)
})
