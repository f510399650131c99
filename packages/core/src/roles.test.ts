import assert from 'node:assert/strict'
import { test } from 'node:test'
import { losesRights, rightsOf, roles, tidyRoles } from './roles.ts'

test('ME1 roles give rights, and several add up', () => {
  assert.deepEqual([...rightsOf(['viewer'])], ['read'])
  assert.deepEqual([...rightsOf(['runner'])], ['read', 'run'])
  assert.deepEqual([...rightsOf(['editor'])], ['read', 'write'])
  assert.deepEqual([...rightsOf(['editor', 'runner'])].sort(), ['read', 'run', 'write'])
  assert.equal(rightsOf(['owner']).has('own'), true)
  assert.equal(rightsOf(['editor', 'runner']).has('own'), false)
  assert.equal(rightsOf([]).size, 0)
})

test('ME1 only an owner has every right, whatever roles are put together', () => {
  for (let bits = 0; bits < 2 ** roles.length; bits++) {
    const given = roles.filter((_, i) => bits & (1 << i))
    assert.equal(rightsOf(given).has('own'), given.includes('owner'))
    assert.deepEqual(tidyRoles([...given, ...given].reverse()), given)
  }
})

test('ME8 fewer rights are told from as many', () => {
  assert.equal(losesRights(['editor', 'runner'], ['editor']), true)
  assert.equal(losesRights(['viewer'], []), true)
  assert.equal(losesRights(['viewer'], ['editor']), false)
  assert.equal(losesRights(['editor', 'viewer'], ['editor']), false)
})
