import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultNotifySettings, type NotifySettings } from '@meshbook/core/notify-api.ts'
import { isTold, secondsOf, withKind, withoutProject, withProject } from './project-kinds.ts'

type Project = NotifySettings['projects'][number]['project']
const [one, two] = ['prj_1' as Project, 'prj_2' as Project]

test('NT1 a kind is told unless it is turned off, and a project has the last word', () => {
  const off = withKind(defaultNotifySettings, 'finished', false)
  assert.deepEqual([isTold('finished', off), isTold('failed', off)], [false, true])
  const own = withProject(withProject(off, one, { kinds: { finished: true } }), two, { afterSeconds: 5 })
  assert.deepEqual(
    own.projects.map(project => isTold('finished', own, project)),
    [true, false],
  )
  assert.deepEqual(withProject(own, one, { afterSeconds: 9 }).projects[1], {
    project: one,
    kinds: { finished: true },
    afterSeconds: 9,
  })
  assert.deepEqual(withoutProject(own, one).projects, [{ project: two, kinds: {}, afterSeconds: 5 }])
})

test('a time that cannot be one is not said to the hub', () => {
  assert.deepEqual(['30', ' 0 ', '', '-1', '1.5', '86401', 'x'].map(secondsOf), [
    30,
    0,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})
