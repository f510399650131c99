import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Project } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub } from '../testing/test-hub.ts'
import { addTestDevice, addTestUser, makeMember, setRoles } from '../testing/test-user.ts'

const made = () => ({
  id: newId('project', Date.now(), systemRandom),
  tree: newId('document', Date.now(), systemRandom),
})

test('CH32 a device is told of its user’s projects, of what may only be read, and of every change', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  const laptop = new TestDevice('Laptop')
  await addTestDevice(ann, laptop)
  assert.deepEqual((await laptop.join(t, test.hub, [])).projects, [])
  const next = async () =>
    (await laptop.next('PROJECT_LIST')).projects.map(({ owner, name, access = 'write', shared = false }) => [
      owner,
      name,
      access,
      shared,
    ])
  await makeMember(test, ann, ['viewer'])
  assert.deepEqual(await next(), [['me', 'demo', 'read', true]])
  await setRoles(test, ann, ['editor'])
  assert.deepEqual(await next(), [['me', 'demo', 'write', true]])
  await ann.json('POST', '/projects', { name: 'own' })
  assert.deepEqual(await next(), [
    ['ann', 'own', 'write', false],
    ['me', 'demo', 'write', true],
  ])
  await setRoles(test, ann, [])
  assert.deepEqual(await next(), [['ann', 'own', 'write', false]])
})

test('CH32 a project that a device made is taken in under its ids, once; a name that is taken gets a number; ids of others are refused', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  const [first, second] = [made(), made()]
  const bring = (it: object, name = 'demo') => test.json<Project>('POST', '/projects', { name, made: it })
  const adopted = await bring(first)
  assert.deepEqual([adopted.id, adopted.tree, adopted.name, adopted.owner], [first.id, first.tree, 'demo 2', 'me'])
  assert.deepEqual(await bring(first, 'another name'), adopted)
  assert.equal((await bring(second)).name, 'demo 3')
  assert.equal(await ann.status('POST', '/projects', { name: 'x', made: first }), 409)
  assert.equal(await ann.status('POST', '/projects', { name: 'x', made: { ...made(), tree: first.tree } }), 409)
  assert.equal(await ann.status('POST', '/projects', { name: 'x', made: { id: 'x', tree: first.tree } }), 400)
  assert.equal(await ann.status('GET', `/projects/${first.id}/members`), 404)
})
