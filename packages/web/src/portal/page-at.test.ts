import assert from 'node:assert/strict'
import { test } from 'node:test'
import { portalPageAt, taskAt } from './page-at.ts'

test('PO1 each page has one address', () => {
  const pages = [
    '/portal/',
    '/portal/tasks',
    '/portal/tasks/new',
    taskAt('run_1'),
    '/portal/runs',
    '/portal/devices',
    '/portal/usage',
    '/portal/keys',
    '/portal/hooks',
    '/portal/overview',
    '/portal/gates',
    '/portal/members',
    '/portal/tokens',
    '/portal/audit',
    '/portal/triggers',
    '/portal/workflows',
    '/portal/workflows/new',
    '/portal/workflows/run_1',
  ]
  assert.deepEqual(
    pages.map(path => portalPageAt(path).page),
    [
      'tasks',
      'tasks',
      'new-task',
      'task',
      'runs',
      'devices',
      'usage',
      'keys',
      'hooks',
      'overview',
      'gates',
      'members',
      'tokens',
      'audit',
      'triggers',
      'workflows',
      'new-workflow',
      'workflow',
    ],
  )
  assert.deepEqual(portalPageAt('/portal/tasks/run_1'), { page: 'task', task: 'run_1' })
  for (const path of ['/portal/x', '/portal/runs/1', '/portal/tasks/a/b', '/portal/tasks/new/x'])
    assert.equal(portalPageAt(path).page, 'unknown', path)
  assert.deepEqual(portalPageAt('/portal/tasks/%zz'), { page: 'task', task: '%zz' })
})
