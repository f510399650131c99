import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { request as ask } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import fc from 'fast-check'
import { git } from '../../../../tests/git-hosts/git-remote.ts'
import { gitScene } from '../../../../tests/git-hosts/git-scene.ts'
import { flush, packet, readPackets } from './pkt-line.ts'
import { readPushHead } from './push-commands.ts'
import { zeroCommit } from './ref-list.ts'

async function commitIn(folder: string, name: string, text: string | Buffer = name): Promise<string> {
  await writeFile(join(folder, name), text)
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-q', '-m', name)
  return git(folder, 'rev-parse', 'HEAD')
}

/** What git says of a push that fails. */
async function pushFails(folder: string, ...args: string[]): Promise<string> {
  try {
    await git(folder, 'push', ...args)
  } catch (thrown) {
    return String((thrown as { stderr?: string }).stderr)
  }
  throw new Error(`push ${args.join(' ')} was taken`)
}

interface Answered {
  status: number
  body: Buffer
}

function post(url: string, service: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const type = { 'content-type': `application/x-git-${service}-request` }
    const sending = ask(`${url}/git-${service}`, { method: 'POST', headers: { ...type, ...headers } }, response => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }))
    })
    sending.on('error', reject)
    sending.end(body)
  })
}

test('GT20 a worker fetches the branches and tags of the mirror, and what its own task pushed, in both versions', async t => {
  const scene = await gitScene(t)
  await scene.remote.commit('a', 'other', { 'o.txt': 'o' })
  const one = await scene.task('task-1')
  const folder = await scene.clone(one.url)
  assert.equal(await readFile(join(folder, 'README.md'), 'utf8'), '# Hello\n')
  const mine = await commitIn(folder, 'mine.txt')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  for (const version of ['0', '2']) {
    const names = await git(folder, '-c', `protocol.version=${version}`, 'ls-remote', one.url)
    assert.match(names, /refs\/heads\/other$/m)
    assert.match(names, new RegExp(`${mine}\trefs/heads/meshbook/task-1/work`))
    assert.ok(!names.includes('refs/meshbook'))
    const again = await scene.clone(one.url, '-c', `protocol.version=${version}`, '-b', 'meshbook/task-1/work')
    assert.equal(await readFile(join(again, 'mine.txt'), 'utf8'), 'mine.txt')
    const shallow = await scene.clone(one.url, '-c', `protocol.version=${version}`, '--depth', '1')
    assert.equal(await git(shallow, 'rev-list', '--count', 'HEAD'), '1')
  }
  // Another task of the same repository sees nothing of it; nor does the mirror.
  const two = await scene.task('task-2')
  assert.ok(!(await git(folder, 'ls-remote', two.url)).includes('task-1'))
  assert.ok((await scene.mirrors.refs({ gitDir: scene.mirrors.gitDirOf(scene.org, scene.url) })).length === 2)
  // What is new at the remote is so here, once what is known is not fresh any more.
  const next = await scene.remote.commit('a', 'main', { 'n.txt': 'n' })
  scene.clock.now += limits.mirrorFreshMs + 1
  await git(folder, 'fetch', '-q', 'origin')
  assert.equal(await git(folder, 'rev-parse', 'origin/main'), next)
})

test('GT20 a commit that no ref has is not given out, though the mirror holds it', async t => {
  const scene = await gitScene(t)
  const dropped = await scene.remote.commit('a', 'secret', { 'secret.txt': 's' })
  await scene.mirrors.fetch(scene.org, scene.url)
  await git(scene.remote.bare('a'), 'update-ref', '-d', 'refs/heads/secret')
  const task = await scene.task('task-1')
  await scene.mirrors.fetch(scene.org, scene.url)
  const folder = await scene.clone(task.url)
  for (const version of ['0', '2'])
    await assert.rejects(
      git(folder, '-c', `protocol.version=${version}`, 'fetch', '-q', 'origin', dropped),
      /not our ref|unadvertised/,
    )
  // A commit within a branch is.
  const base = await git(folder, 'rev-parse', 'HEAD')
  await scene.remote.commit('a', 'main', { x: 'x' })
  scene.clock.now += limits.mirrorFreshMs + 1
  const bare = join(scene.folder, 'bare')
  await git(scene.folder, 'init', '-q', '--bare', bare)
  await git(bare, 'fetch', '-q', task.url, base)
})

test('GT21 a push creates refs of the task and moves them forward, never by force, and every other is refused ref by ref', async t => {
  const scene = await gitScene(t)
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  const first = await commitIn(folder, 'one.txt')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  const second = await commitIn(folder, 'two.txt')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  await git(folder, 'reset', '-q', '--hard', first)
  const aside = await commitIn(folder, 'three.txt')
  const back = await pushFails(folder, '--force', 'origin', 'HEAD:refs/heads/meshbook/task-1/work')
  assert.match(back, /\[remote rejected\].*non-fast-forward/)
  assert.deepEqual(
    scene.pushes.map(({ refs }) => refs[0]!.commit),
    [first, second],
  )
  for (const ref of [
    'refs/heads/main',
    'refs/heads/meshbook/task-2/work',
    'refs/heads/meshbook/task-1',
    'refs/tags/v1',
    'refs/meshbook/base',
    'refs/notes/x',
  ]) {
    const said = await pushFails(folder, '--force', 'origin', `HEAD:${ref}`)
    assert.match(said, /\[remote rejected\].*only branches below meshbook\/task-1\/ may be pushed/, said)
    assert.doesNotMatch(said, /disconnect|403/)
  }
  assert.match(await pushFails(folder, 'origin', ':refs/heads/meshbook/task-1/work'), /rejected\].*cannot be removed/)
  assert.match(await pushFails(folder, 'origin', ':refs/heads/main'), /rejected\].*only branches below/)
  // What was allowed in the same push is done; with --atomic nothing is.
  const mixed = ['HEAD:refs/heads/meshbook/task-1/b', 'HEAD:refs/heads/main']
  assert.match(await pushFails(folder, '--atomic', 'origin', ...mixed), /rejected/)
  assert.ok(!(await git(folder, 'ls-remote', task.url)).includes('task-1/b'))
  const said = await pushFails(folder, 'origin', ...mixed)
  assert.match(said, /\[new branch\].*task-1\/b/)
  assert.match(said, /\[remote rejected\].*main/)
  const names = await git(folder, 'ls-remote', task.url)
  assert.match(names, new RegExp(`${aside}\trefs/heads/meshbook/task-1/b`))
  assert.ok(!names.includes(`${aside}\trefs/heads/main`))
})

test('GT22 a pack that is too large, too many refs, and more than a task may keep are told, and change nothing', async t => {
  const scene = await gitScene(t, { own: { gitPackBytes: 300_000, gitTaskBytes: 500_000, gitRefsPerTask: 3 } })
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  await commitIn(folder, 'large', randomBytes(400_000))
  assert.match(await pushFails(folder, 'origin', 'HEAD:refs/heads/meshbook/task-1/x'), /more than 300000 bytes/)
  await git(folder, 'reset', '-q', '--hard', 'HEAD~1')
  await commitIn(folder, 'small', randomBytes(200_000))
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/1')
  await commitIn(folder, 'small2', randomBytes(250_000))
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/2')
  await commitIn(folder, 'small3', randomBytes(100_000))
  assert.match(await pushFails(folder, 'origin', 'HEAD:refs/heads/meshbook/task-1/3'), /all it may|more than/)
  const halves = await readdir(join(task.repository.gitDir, 'objects'))
  assert.ok(!halves.some(name => name.startsWith('tmp_objdir')), halves.join())
})

test('GT22 too many branches of one task are refused by name', async t => {
  const scene = await gitScene(t, { own: { gitRefsPerTask: 2 } })
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/1')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/2')
  assert.match(await pushFails(folder, 'origin', 'HEAD:refs/heads/meshbook/task-1/3'), /too many branches/)
})

test('GT22 what is malformed is 400 and changes nothing', async t => {
  const scene = await gitScene(t)
  const task = await scene.task('task-1')
  const commit = 'a'.repeat(40)
  const ref = 'refs/heads/meshbook/task-1/x'
  const line = (text: string): Buffer => packet(text)
  const bad: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['no number', Buffer.from('zzzz')],
    ['length 3', Buffer.from('0003')],
    ['an empty packet', Buffer.from('0004')],
    ['cut within a packet', Buffer.from('00ffabc')],
    ['no hash', Buffer.concat([line(`xyz ${commit} ${ref}`), flush])],
    ['nothing to nothing', Buffer.concat([line(`${zeroCommit} ${zeroCommit} ${ref}`), flush])],
    ['no flush', line(`${zeroCommit} ${commit} ${ref}\0report-status`)],
    [
      'one ref twice',
      Buffer.concat([line(`${zeroCommit} ${commit} ${ref}\0`), line(`${zeroCommit} ${commit} ${ref}`), flush]),
    ],
    ['a capability not offered', Buffer.concat([line(`${zeroCommit} ${commit} ${ref}\0push-options`), flush])],
    ['a certificate', Buffer.concat([line('push-cert\0report-status'), flush])],
    ['shallow', Buffer.concat([line(`shallow ${commit}`), line(`${zeroCommit} ${commit} ${ref}\0`), flush])],
    ['a delimiter', Buffer.concat([line(`${zeroCommit} ${commit} ${ref}\0`), Buffer.from('0001')])],
    [
      'a name with a byte that is no text',
      Buffer.concat([
        line(
          Buffer.concat([Buffer.from(`${zeroCommit} ${commit} refs/heads/`), Buffer.from([0xff])]) as unknown as string,
        ),
        flush,
      ]),
    ],
  ]
  for (const [name, body] of bad) assert.equal((await post(task.url, 'receive-pack', body)).status, 400, name)
  const many = Array.from({ length: 101 }, (_, i) => line(`${zeroCommit} ${commit} ${ref}${i}`))
  assert.equal((await post(task.url, 'receive-pack', Buffer.concat([...many, flush]))).status, 429)
  const long = Array.from({ length: 90 }, (_, i) => line(`${zeroCommit} ${commit} ${ref}${'x'.repeat(900)}${i}`))
  assert.equal((await post(task.url, 'receive-pack', Buffer.concat([...long, flush]))).status, 413)
  for (const body of [Buffer.from('0003'), packet('command=object-info'), packet('command=fetch').subarray(0, 9)])
    assert.equal((await post(task.url, 'upload-pack', body, { 'git-protocol': 'version=2' })).status, 400)
  const wants = Buffer.concat([packet('command=fetch'), Buffer.from('0001'), packet('want nothing\n'), flush])
  assert.equal((await post(task.url, 'upload-pack', wants, { 'git-protocol': 'version=2' })).status, 400)
  const bomb = { 'content-encoding': 'gzip' }
  assert.equal((await post(task.url, 'upload-pack', Buffer.from('no gzip'), bomb)).status, 400)
  assert.equal((await post(task.url, 'upload-pack', flush, { 'content-encoding': 'br' })).status, 400)
  // A pack that is none, and one without what it stands on.
  const good = Buffer.concat([
    line(`${zeroCommit} ${commit} ${ref}\0report-status`),
    flush,
    Buffer.from('PACKnonsense'),
  ])
  const answer = await post(task.url, 'receive-pack', good)
  assert.equal(answer.status, 200)
  const lines = readPackets(answer.body).map(found => (found.kind === 'data' ? found.data.toString() : found.kind))
  assert.match(lines[0]!, /^unpack (?!ok)/)
  assert.match(lines[1]!, new RegExp(`^ng ${ref} `))
  assert.deepEqual(scene.pushes, [])
})

test('GT22 whatever bytes come as a push, they are read or refused', () => {
  const sane = { gitCommandsPerPush: 100, gitCommandBytes: 65_536 }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, framed) => {
      const body = framed && bytes.length > 0 ? Buffer.concat([packet(bytes), flush]) : Buffer.from(bytes)
      try {
        const head = readPushHead(body, sane)
        for (const { ref } of head?.commands ?? []) assert.match(ref, /^(refs\/|HEAD)/)
      } catch (thrown) {
        assert.equal((thrown as { code?: string }).code, 'BAD_REQUEST')
      }
    }),
  )
})

test('GT23 hooks and settings of a folder do nothing, and hostile objects are refused', async t => {
  const scene = await gitScene(t)
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  const hooks = join(task.repository.gitDir, 'hooks')
  await mkdir(hooks, { recursive: true })
  for (const name of ['pre-receive', 'update', 'post-receive', 'reference-transaction'])
    await writeFile(join(hooks, name), `#!/bin/sh\necho x > ${join(scene.folder, 'ran')}\nexit 1\n`, { mode: 0o755 })
  await commitIn(folder, 'a.txt')
  await git(folder, 'push', '-q', 'origin', 'HEAD:refs/heads/meshbook/task-1/x')
  await assert.rejects(readFile(join(scene.folder, 'ran')), /ENOENT/)
  const blob = await git(folder, 'rev-parse', 'HEAD:a.txt')
  await writeFile(join(folder, 'tree'), `100644 blob ${blob}\t.git\n`)
  const { execFileSync } = await import('node:child_process')
  const tree = execFileSync('git', ['mktree'], { cwd: folder, input: `100644 blob ${blob}\t.git\n` })
    .toString()
    .trim()
  const bad = await git(folder, 'commit-tree', '-m', 'bad', tree)
  const said = await pushFails(folder, 'origin', `${bad}:refs/heads/meshbook/task-1/bad`)
  assert.match(said, /rejected|unpack failed|hasDotgit/)
  assert.ok(!(await git(folder, 'ls-remote', task.url)).includes('task-1/bad'))
})

test('GT24 the same push again is answered as the first one, and one that is cut off changes nothing', async t => {
  const scene = await gitScene(t)
  const task = await scene.task('task-1')
  const folder = await scene.clone(task.url)
  const base = await git(folder, 'rev-parse', 'HEAD')
  const commit = await commitIn(folder, 'a.txt')
  const { execFileSync } = await import('node:child_process')
  const pack = execFileSync('git', ['pack-objects', '--stdout', '--revs', '-q'], {
    cwd: folder,
    input: `${commit}\n^${base}\n`,
  })
  const ref = 'refs/heads/meshbook/task-1/x'
  const body = Buffer.concat([packet(`${zeroCommit} ${commit} ${ref}\0report-status`), flush, pack])
  await new Promise<void>(resolve => {
    const cut = ask(`${task.url}/git-receive-pack`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-git-receive-pack-request', 'content-length': String(body.length) },
    })
    cut.on('error', () => resolve())
    cut.write(body.subarray(0, body.length - 10))
    setTimeout(() => cut.destroy(new Error('cut')), 150)
  })
  assert.ok(!(await git(folder, 'ls-remote', task.url)).includes('task-1'))
  const first = await post(task.url, 'receive-pack', body)
  assert.equal(first.body.toString(), `000eunpack ok\n${packet(`ok ${ref}\n`)}0000`)
  const second = await post(task.url, 'receive-pack', body)
  assert.deepEqual(second, first)
  assert.equal(scene.pushes.length, 1)
  assert.equal((await post(task.url, 'receive-pack', flush)).status, 200)
})

test('GT25 other paths and services are 404, and requests at the same time are capped', async t => {
  const scene = await gitScene(t, { own: { gitRequestsPerTask: 2 } })
  const task = await scene.task('task-1')
  for (const path of [
    '/info/refs',
    '/info/refs?service=git-upload-archive',
    '/HEAD',
    '/objects/info/packs',
    '/../config',
    '/git-upload-pack',
  ])
    assert.equal((await fetch(task.url + path)).status, 404, path)
  const open = Array.from({ length: 2 }, () => {
    const waits = ask(`${task.url}/git-receive-pack`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-git-receive-pack-request' },
    })
    waits.on('error', () => undefined)
    waits.write('00')
    return waits
  })
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal((await fetch(`${task.url}/info/refs?service=git-upload-pack`)).status, 429)
  for (const waits of open) waits.destroy()
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal((await fetch(`${task.url}/info/refs?service=git-upload-pack`)).status, 200)
})

test('GT20 without its remote a worker goes on with the mirror as it is', async t => {
  const scene = await gitScene(t)
  const task = await scene.task('task-1')
  scene.clock.now += limits.mirrorFreshMs + 1
  scene.remote.movedTo = 'http://127.0.0.1:9'
  const folder = await scene.clone(task.url)
  assert.equal(await readFile(join(folder, 'README.md'), 'utf8'), '# Hello\n')
})
