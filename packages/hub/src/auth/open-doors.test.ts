import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { OpenDoors } from './open-doors.ts'
import { everyScope, type Principal } from './principal.ts'

function principal(credential: Principal['credential']): Principal {
  const at = 1_800_000_000_000
  return {
    org: newId('org', at, systemRandom),
    user: newId('user', at, systemRandom),
    name: 'me',
    can: everyScope,
    credential,
  }
}

test('CH9 S8 what was checked before its credential was revoked opens nothing afterwards, nor does a ticket of it', () => {
  const doors = new OpenDoors()
  const closed: string[] = []
  const open = (who: Principal) => doors.open(who, 'socket', 10, why => closed.push(why.code))
  const token = principal({ kind: 'token', id: 'one' })
  const other = principal({ kind: 'token', id: 'two' })
  open(token)
  open(other)
  doors.revoke({ kind: 'token', id: 'one' }, new MeshError('REVOKED'))
  assert.deepEqual(closed, ['REVOKED'])
  const refused = (error: unknown) => error instanceof MeshError && error.code === 'REVOKED'
  assert.throws(() => open(token), refused)
  const ticket = { kind: 'ticket', id: 'three', issuer: 'token:one', document: null, project: newProject() } as const
  assert.throws(() => open(principal(ticket)), refused)
  open(other)
})

const newProject = () => newId('project', 1_800_000_000_000, systemRandom)
