import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TaskOrder } from '@meshbook/core/broker.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { LocalWorkspace } from '@meshbook/engine/agent/local-workspace.ts'
import { Checkout } from './checkout.ts'
import { Checkpoints } from './checkpoints.ts'

/** A checkout of a repository that is pushed to, over a path in the place of the bridge. */
async function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mb-checkout-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [outside, repo, seed] = ['outside.git', 'repo', 'seed'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const env = { PATH: process.env.PATH ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
  const names = ['-c', 'user.name=a', '-c', 'user.email=a@example.com']
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', [...names, ...args], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  for (const path of [outside, repo, seed]) execFileSync('mkdir', [path])
  git(outside, 'init', '-q', '--bare')
  git(seed, 'init', '-q', '-b', 'main')
  writeFileSync(join(seed, 'a.txt'), 'one\n')
  git(seed, 'add', '-A')
  git(seed, 'commit', '-q', '-m', 'first')
  const base = git(seed, 'rev-parse', 'HEAD')
  git(seed, 'push', '-q', outside, 'main')
  git(repo, 'init', '-q', '-b', 'work')
  git(repo, 'fetch', '-q', outside, 'main')
  git(repo, 'checkout', '-q', '-B', 'work', base)
  const workspace = await LocalWorkspace.at({ root: repo, env, newName: () => 'new' })
  const order = { repo: 'http://git/x', branch: 'work', base } as TaskOrder
  const signal = new AbortController().signal
  const checkout = await Checkout.open(workspace, { order, gitPort: 1, saved: undefined }, signal)
  git(repo, 'config', 'remote.origin.url', outside)
  return { repo, outside, git, checkout, base, write: (text: string) => writeFileSync(join(repo, 'a.txt'), text) }
}

test('TW45 what is saved beside an agent touches neither its index nor its branch, and is gone on from', async t => {
  const { repo, outside, git, checkout, base, write } = await scene(t)
  assert.equal(await checkout.saveBeside('beside'), null)
  write('two\n')
  git(repo, 'add', 'a.txt')
  write('three\n')
  const status = git(repo, 'status', '--porcelain')
  const saved = await checkout.saveBeside('beside')
  assert.equal(git(outside, 'show', 'work:a.txt'), 'three')
  assert.deepEqual([git(repo, 'status', '--porcelain'), git(repo, 'rev-parse', 'HEAD')], [status, base])
  assert.equal(await checkout.saveBeside('beside'), null)
  // The agent commits by itself, and goes on.
  git(repo, 'commit', '-q', '-m', 'its own')
  write('four\n')
  const second = await checkout.saveBeside('beside')
  assert.deepEqual([second?.files, git(outside, 'show', 'work:a.txt')], [1, 'four'])
  const last = await checkout.save('the end')
  assert.equal(git(outside, 'rev-parse', 'work'), last?.commit)
  assert.equal(git(outside, 'show', 'work:a.txt'), 'four')
  for (const commit of [saved!.commit, second!.commit]) git(outside, 'merge-base', '--is-ancestor', commit, 'work')
})

test('TW45 it is saved again and again until it is stopped, and one that fails harms nothing', async () => {
  const stop = new AbortController()
  const events: TaskEvent[] = []
  let looks = 0
  const saved = { commit: 'a'.repeat(40), files: 1, added: 1, removed: 0 }
  const over = Promise.withResolvers<void>()
  const checkpoints = new Checkpoints({
    broker: { there: async () => undefined },
    checkout: {
      save: async () => null,
      saveBeside: async () => {
        looks += 1
        if (looks === 2) throw new Error('not now')
        if (looks === 4) stop.abort()
        return looks === 3 ? null : saved
      },
    },
    sleep: async (_ms, signal) => {
      if (signal?.aborted) over.resolve()
    },
    random: () => 0,
    signal: stop.signal,
  })
  checkpoints.see({ type: 'turn-began', turn: 1, model: 'm' })
  checkpoints.beside(event => void events.push(event), stop.signal)
  await over.promise
  assert.deepEqual([looks, events.map(({ type }) => type)], [4, ['checkpoint', 'checkpoint']])
})
