import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asMeshError, type ErrorCode, errors, exitCodes, isErrorCode, MeshError, problemOf } from './errors.ts'

const entries = Object.entries(errors) as [ErrorCode, (typeof errors)[ErrorCode]][]

test('every entry says what happened and what to do next', () => {
  for (const [code, { message, hint }] of entries) {
    assert.match(code, /^[A-Z][A-Z_]+$/)
    assert.ok(message.length > 5 && !message.endsWith('.'), code)
    assert.ok(hint.length > 10 && hint.endsWith('.'), code)
  }
})

test('HTTP status, close code and exit code lie in their ranges', () => {
  const exits = new Set<number>(Object.values(exitCodes))
  for (const [code, { http, close, exit }] of entries) {
    assert.ok(http === undefined || (http >= 400 && http <= 599), code)
    assert.ok(close === undefined || (close >= 1000 && close <= 1015) || (close >= 4000 && close <= 4999), code)
    assert.ok(exit === undefined || exits.has(exit), code)
  }
})

test('a close code is the HTTP status in the private range, where it has one', () => {
  for (const [code, { http, close }] of entries)
    if (http && close && close >= 4000) assert.equal(close % 1000, http, code)
})

test('only what may pass by itself is tried again', () => {
  for (const code of ['FORBIDDEN', 'BAD_REQUEST', 'REVOKED', 'STALE_FENCE', 'EPOCH'] as const)
    assert.equal(errors[code].retry, 'never')
  assert.equal(errors.UNREACHABLE.retry, 'backoff')
  assert.equal(errors.UNAUTHENTICATED.retry, 'after-auth')
})

test('an error carries its entry, its detail and its cause', () => {
  const cause = new Error('disk')
  const error = new MeshError('DISK_FULL', { detail: 'no room for 3 MB', cause })
  assert.equal(error.message, 'The disk is full: no room for 3 MB')
  assert.equal(error.entry, errors.DISK_FULL)
  assert.equal(error.cause, cause)
  assert.equal(asMeshError(error), error)
})

test('whatever is thrown becomes an error of the catalogue, and its text stays inside', () => {
  for (const thrown of [new Error('secret'), 'secret', null, undefined, { code: 'FORBIDDEN' }]) {
    const error = asMeshError(thrown)
    assert.equal(error.code, 'INTERNAL')
    assert.equal(error.cause, thrown)
    assert.equal(JSON.stringify(problemOf(error, 'r1')).includes('secret'), false)
  }
})

test('a problem answer has every field of the API', () => {
  assert.deepEqual(problemOf(new MeshError('NOT_FOUND', { detail: 'no such run' }), 'r1'), {
    type: 'urn:meshbook:error:NOT_FOUND',
    title: errors.NOT_FOUND.message,
    status: 404,
    code: 'NOT_FOUND',
    detail: 'no such run',
    hint: errors.NOT_FOUND.hint,
    requestId: 'r1',
  })
})

test('S14 inherited names are no error codes', () => {
  assert.equal(isErrorCode('TIMEOUT'), true)
  for (const name of ['toString', '__proto__', 'constructor', '', 7, null]) assert.equal(isErrorCode(name), false)
})
