/** `npm run audit:secrets`: the four places where a secret could leak, with what was looked through and what was found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditSecrets, surfaces } from '../secrets/audit.ts'

for (const where of ['sqlite', 'postgres and redis'] as const)
  test(`WF93 VA1 0 hits at four surfaces, and no call from the browser to anybody else (${where})`, async t => {
    const { looked, strangers } = await auditSecrets(t, where)
    for (const [at, { things, bytes, hits }] of looked)
      t.diagnostic(`| ${at} | ${things} | ${(bytes / 1024 ** 2).toFixed(1)} MiB | ${hits.length} |`)
    t.diagnostic(`| hosts that the browser asked beside the hub | | | ${new Set(strangers).size} |`)
    assert.deepEqual([...looked.keys()].toSorted(), Object.values(surfaces).toSorted())
    for (const [at, { things, bytes, hits }] of looked) {
      assert.deepEqual(hits.slice(0, 5), [], at)
      assert.ok(things > 0 && bytes > 0, at)
    }
    assert.deepEqual(strangers, [])
  })
