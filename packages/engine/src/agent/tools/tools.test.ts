import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { cellWords } from '@meshbook/core/cell-request.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import fc from 'fast-check'
import { LocalWorkspace } from '../local-workspace.ts'
import type { CellEnd, MeshCells } from '../ports.ts'
import { ScriptedPeople } from '../testing/agent-scene.ts'
import type { ToolOutcome } from '../tool.ts'
import { builtInTools } from './built-in-tools.ts'
import { edited, nearMiss } from './exact-edit.ts'
import { notebookCellTool } from './people-tools.ts'

interface Bench {
  root: string
  outside: string
  workspace: LocalWorkspace
  printed: string[]
  use(tool: string, input: unknown, signal?: AbortSignal): Promise<ToolOutcome>
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'workspace-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')]
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'canary')
  let names = 0
  const env = { PATH: process.env.PATH ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1' }
  const workspace = await LocalWorkspace.at({ root, env, newName: () => `new${names++}` })
  const people = new ScriptedPeople()
  const printed: string[] = []
  const tools = new Map(builtInTools(workspace).map(tool => [tool.name, tool]))
  return {
    root,
    outside,
    workspace,
    printed,
    async use(name, input, signal = new AbortController().signal) {
      const tool = tools.get(name)!
      const parsed = tool.parse(input)
      if ('wrong' in parsed) return { ok: false, content: parsed.wrong }
      const context = {
        question: 'c',
        print: (text: string) => printed.push(text),
        began: () => undefined,
        people,
        signal,
      }
      return tool.run(parsed.input, context)
    },
  }
}

function git(root: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: root, encoding: 'utf8' })
}

test('AL40 files are written, read, listed and searched', async t => {
  const { use, root } = await bench(t)
  assert.ok((await use('write', { path: 'src/a.ts', content: 'one\ntwo\nthree\n' })).ok)
  assert.equal(readFileSync(join(root, 'src/a.ts'), 'utf8'), 'one\ntwo\nthree\n')
  assert.equal((await use('read', { path: 'src/a.ts', from: 2 })).content, '2\ttwo\n3\tthree')
  assert.match((await use('list', { depth: 2 })).content, /^src\/\nsrc\/a\.ts\t14$/m)
  assert.match((await use('search', { pattern: 't[wh]' })).content, /src\/a\.ts:2:two\n.*src\/a\.ts:3:three/)
  assert.equal((await use('search', { pattern: 'nothing here' })).content, 'Nothing was found.')
  assert.equal((await use('search', { pattern: '--files' })).content, 'Nothing was found.')
})

test('AL41 an edit is exact; a near miss is shown with its lines', async t => {
  const { use, root } = await bench(t)
  const text = 'function add(a, b) {\n  return a - b\n}\n\nconst x = 1\nconst y = 1\n'
  await use('write', { path: 'a.js', content: text })
  const miss = await use('edit', { path: 'a.js', old: 'return a + b', new: 'return a * b' })
  assert.ok(!miss.ok)
  assert.match(miss.content, /2\t {2}return a - b/)
  assert.match((await use('edit', { path: 'a.js', old: ' = 1', new: ' = 2' })).content, /there 2 times/)
  assert.ok((await use('edit', { path: 'a.js', old: ' = 1', new: ' = $&', all: true })).ok)
  assert.ok((await use('edit', { path: 'a.js', old: 'a - b', new: 'a + b' })).ok)
  assert.equal(
    readFileSync(join(root, 'a.js'), 'utf8'),
    text.replace('a - b', 'a + b').replaceAll(' = 1', () => ' = $&'),
  )
})

test('AL41 white space that differs is named; a text that is there once is always replaced', () => {
  assert.match(nearMiss('if (x) {\n\treturn 1\n}', '  return 1'), /white space alone/)
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), fc.string(), (before, old, after, next) => {
      const text = before + old + after
      fc.pre(text.split(old).length === 2 && next !== old)
      assert.deepEqual(edited(text, { old, new: next, all: false }), { text: text.split(old).join(next), places: 1 })
    }),
  )
})

test('AL42 shell streams, says how it ended, and has nothing of our environment', async t => {
  process.env.ANTHROPIC_API_KEY = 'sk-canary'
  const { use, printed } = await bench(t)
  const result = await use('shell', {
    command: 'echo out; echo err >&2; sleep 0.2; echo "$ANTHROPIC_API_KEY end"; env; exit 3',
  })
  assert.ok(!result.ok && printed.length >= 2)
  assert.match(result.content, /out\n[\s\S]*\[exit code 3\]$/)
  assert.doesNotMatch(result.content, /sk-canary/)
})

test('AL42 the whole process group is gone after a time-out, an abort and an end', async t => {
  const { use, root } = await bench(t)
  const background = '(trap "" TERM; while :; do date +%s%N > alive; sleep 0.05; done) & '
  const stop = new AbortController()
  const isAlive = async () => {
    const before = readFileSync(join(root, 'alive'), 'utf8')
    await after(300)
    return readFileSync(join(root, 'alive'), 'utf8') !== before
  }
  const late = await use('shell', { command: `${background} wait`, timeoutMs: 300 })
  assert.match(late.content, /\[ended after 0\.3 s\]/)
  assert.equal(await isAlive(), false)
  setTimeout(() => stop.abort(new Error('cut')), 300)
  await assert.rejects(use('shell', { command: `${background} wait` }, stop.signal), /cut/)
  assert.equal(await isAlive(), false)
  assert.ok((await use('shell', { command: `${background} sleep 0.2; echo done` })).ok)
  assert.equal(await isAlive(), false)
})

test('AL42 one that left the group and holds the output is not waited for', async t => {
  const { use } = await bench(t)
  const began = performance.now()
  const result = await use('shell', { command: 'setsid sleep 20 & sleep 0.1; echo done' })
  assert.deepEqual(result, { ok: true, content: 'done\n' })
  assert.ok(performance.now() - began < limits.toolKillMs + 3_000)
})

test('AL42 output without an end costs no memory without an end', async t => {
  const { use } = await bench(t)
  const result = await use('shell', { command: 'head -c 30000000 /dev/zero | tr "\\0" x' })
  assert.ok(result.ok && result.content.length < limits.taskAssetBytes + 100)
  assert.match(result.content, /more bytes were not kept/)
})

test('AL40 git_diff shows new files too, git_commit commits; what a repository configures is not run', async t => {
  const { use, root } = await bench(t)
  git(root, 'init', '-q')
  git(root, 'config', 'user.name', 'a')
  git(root, 'config', 'user.email', 'a@b')
  writeFileSync(join(root, 'a'), 'one\n')
  git(root, 'add', '.')
  git(root, 'commit', '-qm', 'one')
  writeFileSync(join(root, '.gitattributes'), '* diff=evil\n')
  git(root, 'config', 'diff.evil.textconv', `touch ${join(root, 'ran')};cat`)
  git(root, 'config', 'diff.external', `touch ${join(root, 'ran')}`)
  writeFileSync(join(root, 'a'), 'two\n')
  writeFileSync(join(root, 'b'), 'new\n')
  const diff = await use('git_diff', {})
  assert.match(diff.content, /-one\n\+two/)
  assert.match(diff.content, /b\/b[\s\S]*\+new/)
  assert.ok(!existsSync(join(root, 'ran')))
  assert.match((await use('git_commit', { message: '--amend' })).content, /^Committed as [0-9a-f]{40}\.$/)
  assert.equal(git(root, 'log', '--format=%s').trim(), '--amend\none')
  assert.equal((await use('git_diff', { since: 'HEAD' })).content, 'Nothing is changed.')
  assert.equal((await use('git_diff', { since: '--output=x' })).ok, false)
})

test('AL45 no path, no link and no .. leads out', async t => {
  const { use, root, outside, workspace } = await bench(t)
  symlinkSync(outside, join(root, 'out'))
  symlinkSync(join(outside, 'secret'), join(root, 'secret'))
  symlinkSync(join(outside, 'not-yet'), join(root, 'dangling'))
  symlinkSync('loop', join(root, 'loop'))
  mkdirSync(join(root, 'in'))
  symlinkSync('in', join(root, 'fine'))
  const paths = [
    '../outside/secret',
    join(outside, 'secret'),
    'out/secret',
    'secret',
    'out',
    '/etc/passwd',
    'in/../../outside/secret',
    'loop',
    'loop/x',
    'a\0b',
  ]
  for (const path of paths) {
    await assert.rejects(workspace.read(path), MeshError, path)
    await assert.rejects(workspace.write(path, Buffer.from('x')), MeshError, path)
    await assert.rejects(workspace.list(path, { depth: 1, most: 10 }), MeshError, path)
  }
  for (const path of ['dangling', 'dangling/x', 'out/new', '../new'])
    await assert.rejects(workspace.write(path, Buffer.from('x')), { code: 'FORBIDDEN' })
  await assert.rejects(workspace.start({ argv: ['true'], cwd: 'out' }, new AbortController().signal), {
    code: 'FORBIDDEN',
  })
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'canary')
  assert.ok(!existsSync(join(outside, 'not-yet')))
  await workspace.write('fine/a', Buffer.from('x'))
  assert.equal(readFileSync(join(root, 'in/a'), 'utf8'), 'x')
  assert.ok(!(await use('list', { depth: 5 })).content.includes('secret\t'))
})

test('AL45 only regular files, of a size that fits, whole, with the permissions that they had', async t => {
  const { root, workspace } = await bench(t)
  execFileSync('mkfifo', [join(root, 'pipe')])
  await assert.rejects(workspace.read('pipe'), { code: 'BAD_REQUEST' })
  await assert.rejects(workspace.write('pipe', Buffer.from('x')), { code: 'BAD_REQUEST' })
  await assert.rejects(workspace.read('.'), { code: 'BAD_REQUEST' })
  await assert.rejects(workspace.write('.', Buffer.from('x')), { code: 'BAD_REQUEST' })
  await assert.rejects(workspace.read('gone'), { code: 'NOT_FOUND' })
  execFileSync('truncate', ['-s', `${limits.agentFileBytes + 1}`, join(root, 'large')])
  await assert.rejects(workspace.read('large'), { code: 'TOO_LARGE' })
  writeFileSync(join(root, 'script'), 'a', { mode: 0o755 })
  await workspace.write('script', Buffer.from('b'))
  assert.equal(statSync(join(root, 'script')).mode & 0o777, 0o755)
})

test('a program that is not there is told', async t => {
  const { workspace } = await bench(t)
  await assert.rejects(workspace.start({ argv: ['no-such-program'] }, new AbortController().signal), {
    code: 'NOT_FOUND',
  })
})

test('AL47 a cell is asked for by its call; its run is noted once, and the model is told how it ended', async () => {
  const asked: unknown[] = []
  const end: CellEnd = { run: parseRunId('cell-1'), status: 'completed', device: 'Desk', reason: '', text: '42' }
  const cells: MeshCells = {
    run: async (what, began) => {
      asked.push(what)
      began(end.run, ['Desk is asleep.'])
      began(end.run, ['Desk is asleep.'])
      began(end.run, [])
      return end
    },
  }
  const tool = notebookCellTool(cells)
  const request = { notebook: 'a.md', language: 'python', code: 'print(6 * 7)', device: 'Desk' }
  assert.equal(tool.rule, 'ask')
  assert.equal(tool.shown(request), 'python in a.md\ndevice Desk\nfor 600 s at most\n\nprint(6 * 7)')
  const [printed, noted]: [string[], string[]] = [[], []]
  const context = {
    question: 'turn-1-a',
    print: (text: string) => void printed.push(text),
    began: (run: string) => void noted.push(run),
    people: new ScriptedPeople(),
    signal: new AbortController().signal,
  }
  const outcome = await tool.run(request, context)
  assert.deepEqual(outcome, { ok: true, content: 'Run cell-1 on Desk: completed.\n\n42' })
  assert.deepEqual(asked, [{ call: 'turn-1-a', request }])
  assert.deepEqual(noted, ['cell-1'])
  assert.deepEqual(printed, ['Run cell-1 waits: Desk is asleep.\n', 'Run cell-1\n'])
  Object.assign(end, { status: 'cancelled', device: null, reason: 'It had not begun.', text: '' })
  assert.deepEqual(await tool.run(request, context), {
    ok: false,
    content: 'Run cell-1: cancelled. It had not begun.\n\n(no output)',
  })
  for (const wrong of [{ notebook: 'a\n.md' }, { notebook: 'a\u202e.md' }, { device: 'a\u2028b' }, { seconds: 0 }])
    assert.ok('wrong' in tool.parse({ ...request, ...wrong }), JSON.stringify(wrong))
})

test('TK51 no two requests of cells have the same words', () => {
  const text = fc.stringMatching(/^[a-z ]{1,12}$/)
  const request = fc.record(
    {
      notebook: fc.constantFrom('a', 'in a', 'a in b', 'session a'),
      language: fc.constantFrom('python', 'bash'),
      code: fc.constantFrom('x', 'device y\nx', '\nx', 'for 600 s at most\n\nx', 'session s\nfor 5 s at most\n\nx'),
      session: text,
      device: fc.constantFrom('y', 'session s', 's'),
      seconds: fc.constantFrom(5, 6),
    },
    { requiredKeys: ['notebook', 'language', 'code'] },
  )
  const sorted = (one: object) => JSON.stringify(Object.entries(one).toSorted())
  fc.assert(fc.property(request, request, (a, b) => (cellWords(a) === cellWords(b)) === (sorted(a) === sorted(b))))
})
