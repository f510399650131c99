import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { files, product, read } from './source-files.ts'

const using = product.filter(
  ({ path }) => path !== 'packages/core/src/errors.ts' && path !== 'packages/core/src/limits.ts',
)
const words = new Set(using.flatMap(({ text }) => text.match(/[A-Za-z_$][\w$]*/g) ?? []))

test('every error code that is thrown is in the catalogue', () => {
  const thrown = using.flatMap(({ path, text }) =>
    [...text.matchAll(/new MeshError\(\s*'([^']+)'/g)].map(match => [path, match[1]!] as const),
  )
  assert.ok(thrown.length > 0)
  assert.deepEqual(
    thrown.filter(([, name]) => !Object.hasOwn(errors, name)),
    [],
  )
})

test('every error code of the catalogue is used', () => {
  assert.deepEqual(
    Object.keys(errors).filter(name => !using.some(({ text }) => text.includes(`'${name}'`))),
    [],
  )
})

test('I10 every limit is enforced somewhere', () => {
  assert.deepEqual(
    Object.keys(limits).filter(name => !words.has(name)),
    [],
  )
})

/** Tables that belong to the database itself. */
const tablesOfNobody = new Set(['schema_version', 'schema_versions'])

test('every table has the column org_id from its first migration', () => {
  const tables = product.flatMap(({ path, text }) =>
    [...text.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)\s*\(([^;`]*)/gi)].map(match => ({
      path,
      name: match[1]!,
      columns: match[2]!,
    })),
  )
  assert.ok(tables.length > 0)
  assert.deepEqual(
    tables
      .filter(({ name, columns }) => !tablesOfNobody.has(name) && !/\borg_id\b/.test(columns))
      .map(({ path, name }) => `${path}: ${name}`),
    [],
  )
})

interface AllowedSkip {
  test?: unknown
  reason?: unknown
  /** A shell command that succeeds where the test cannot run. */
  probe?: unknown
}

test('every skip that is allowed names a test that exists, its reason, and the probe that verifies it', () => {
  const skips = JSON.parse(read('tests/allowed-skips.json')) as AllowedSkip[]
  for (const skip of skips) {
    assert.ok(
      typeof skip.test === 'string' &&
        files.some(({ path, text }) => path.includes('.test.') && text.includes(String(skip.test))),
      `no test is named ${String(skip.test)}`,
    )
    assert.ok(typeof skip.reason === 'string' && skip.reason.length > 10, `${skip.test}: no reason`)
    assert.ok(
      typeof skip.probe === 'string' && skip.probe.length > 0 && skip.probe !== 'true',
      `${skip.test}: no probe`,
    )
  }
})
