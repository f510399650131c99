import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { limits } from '@meshbook/core/limits.ts'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { testMcpServer } from '../../../../tests/agents/mcp-server.ts'
import { LocalWorkspace } from './local-workspace.ts'
import { connectMcpServers, type McpOptions, type McpServerSetting } from './mcp-servers.ts'
import { ScriptedPeople } from './testing/agent-scene.ts'

const program = fileURLToPath(new URL('../../../../tests/agents/mcp-server-main.ts', import.meta.url))
const stdio: McpServerSetting = { name: 'test', at: { argv: [process.execPath, program] } }
const remote: McpServerSetting = { name: 'remote', at: { url: 'http://tools.example/mcp' } }

async function connected(t: TestContext, servers: McpServerSetting[], options: Partial<McpOptions> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'mcp-'))
  const env = { PATH: process.env.PATH ?? '' }
  const workspace = await LocalWorkspace.at({ root, env, newName: () => 'new' })
  const stop = new AbortController()
  const mcp = await connectMcpServers(servers, { workspace, ...options }, stop.signal)
  t.after(async () => {
    await mcp.close()
    stop.abort()
    rmSync(root, { recursive: true, force: true })
  })
  const use = (name: string, input: unknown, signal = stop.signal) => {
    const tool = mcp.tools.find(tool => tool.name === name)!
    return tool.run(input, {
      question: 'c',
      print: () => undefined,
      began: () => undefined,
      people: new ScriptedPeople(),
      signal,
    })
  }
  return { ...mcp, use }
}

function remoteFetch(): typeof fetch {
  const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => 'session-1' })
  const ready = testMcpServer().connect(transport)
  return async (input, init) => {
    await ready
    return transport.handleRequest(new Request(input, init))
  }
}

for (const [how, server, options] of [
  ['a program', stdio, {}],
  ['an address', remote, { fetch: remoteFetch() }],
] as const)
  test(`AL46 tools of ${how} are used, capped, and ask a person`, async t => {
    const { tools, problems, use } = await connected(t, [server], options)
    assert.deepEqual(problems, [])
    assert.ok(tools.length <= limits.mcpToolsPerServer)
    assert.ok(!tools.some(({ name }) => name.endsWith('large')))
    assert.ok(tools.every(({ name, rule }) => /^[a-zA-Z0-9_-]{1,64}$/.test(name) && rule === 'ask'))
    assert.equal(tools[0]!.description.length, limits.mcpDescriptionChars)
    assert.match(tools[0]!.shown({ text: 'a' }), new RegExp(`^${server.name}: echo\n\n\\{\n  "text": "a"\n\\}$`))
    assert.deepEqual(await use(`mcp_${server.name}_echo`, { text: 'hello' }), { ok: true, content: 'echo hello' })
    assert.deepEqual(await use(`mcp_${server.name}_fail`, {}), { ok: false, content: 'it failed' })
  })

test('AL46 a call that takes too long or is cut ends', async t => {
  const { use } = await connected(t, [stdio], { callMs: 200 })
  await assert.rejects(use('mcp_test_slow', {}))
  await assert.rejects(use('mcp_test_slow', {}, AbortSignal.timeout(50)))
})

test('AL46 servers that do not begin cost their own tools alone', async t => {
  const silent: McpServerSetting = { name: 'silent', at: { argv: ['sleep', '60'] } }
  const gone: McpServerSetting = { name: 'gone', at: { argv: ['no-such-program'] } }
  const babble: McpServerSetting = { name: 'babble', at: { argv: ['sh', '-c', 'yes x | tr -d "\\n"'] } }
  const { tools, problems } = await connected(t, [silent, gone, babble, remote, stdio], { startMs: 3_000 })
  assert.ok(tools.some(({ name }) => name === 'mcp_test_echo'))
  assert.deepEqual(
    problems.map(problem => /^The server (\w+) cannot be used/.exec(problem)?.[1]),
    ['silent', 'gone', 'babble', 'remote'],
  )
})
