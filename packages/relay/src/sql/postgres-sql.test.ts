import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collide, locksOfOrg, orderedLocks, takeGroup } from './call-locks.ts'
import { beginWith, migrationFor, numbered } from './postgres-sql.ts'
import type { CallLock } from './tx.ts'

test('RL124 a question mark is a parameter outside of quotes and comments only', () => {
  assert.equal(numbered('SELECT ? WHERE a = ? AND b IN (?, ?)'), 'SELECT $1 WHERE a = $2 AND b IN ($3, $4)')
  assert.equal(numbered(`SELECT 'why?', 'it''s ?', "odd?" , ?`), `SELECT 'why?', 'it''s ?', "odd?" , $1`)
  assert.equal(numbered('SELECT ? -- really?\n, ? /* ? */'), 'SELECT $1 -- really?\n, $2 /* ? */')
})

test('RL124 types of a migration become those of PostgreSQL, in code only', () => {
  assert.equal(
    migrationFor(`CREATE TABLE t (a TEXT NOT NULL DEFAULT 'TEXT BLOB', b BLOB, c BIGINT) WITHOUT ROWID;`),
    `CREATE TABLE t (a TEXT COLLATE "C" NOT NULL DEFAULT 'TEXT BLOB', b BYTEA, c BIGINT);`,
  )
})

test('RL121 a call locks its org, one without an org excludes all of them, and different orgs go together', () => {
  const [a, b, all] = [locksOfOrg({ org: 'a' }), locksOfOrg({ org: 'b' }), locksOfOrg({ hash: 'x' })]
  assert.equal(collide(a, b), false)
  assert.equal(collide(a, a), true)
  assert.deepEqual([collide(all, a), collide(a, all), collide(all, all)], [true, true, true])
})

const lock = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'all orgs'), shared: fc.boolean() })
const locks = fc.array(lock, { minLength: 1, maxLength: 4 })

test('RL121 every transaction takes its locks in one order, each once and at its strongest', () => {
  const every = ['a', 'b', 'c', 'd', 'all orgs'].map(key => ({ key, shared: false }))
  const order = orderedLocks(every).map(({ number }) => number)
  fc.assert(
    fc.property(locks, wanted => {
      const taken = orderedLocks(wanted)
      assert.deepEqual(
        taken.map(({ number }) => number),
        order.filter(number => taken.some(l => l.number === number)),
      )
      assert.equal(taken.length, new Set(wanted.map(({ key }) => key)).size)
      const alone = new Set(wanted.filter(({ shared }) => !shared).map(({ key }) => key))
      assert.equal(taken.filter(({ shared }) => !shared).length, alone.size)
    }),
  )
  assert.match(
    beginWith(orderedLocks([{ key: 'a', shared: true }])),
    /^BEGIN .*; SELECT pg_advisory_xact_lock_shared\(-?\d+\)$/,
  )
})

test('RL121 no call runs beside one it collides with, and none overtakes an older one it collides with', () => {
  fc.assert(
    fc.property(fc.array(locks, { maxLength: 12 }), locks, fc.integer({ min: 1, max: 12 }), (all, busy, most) => {
      const queue = all.map((wanted: CallLock[], at) => ({ locks: wanted, at }))
      const { group, rest } = takeGroup(queue, [{ locks: busy }], most)
      assert.deepEqual(
        [...group, ...rest].sort((a, b) => a.at - b.at),
        queue,
      )
      assert.ok(group.length <= most && group.every(call => !collide(call.locks, busy)))
      for (const call of group) assert.ok(!rest.some(older => older.at < call.at && collide(older.locks, call.locks)))
    }),
  )
})
