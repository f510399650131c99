/**
 * Tools of servers that speak the Model Context Protocol (AL46): programs in the workspace, or addresses behind a given
 * `fetch`. A server is a stranger: what it says is capped, and it costs its own tools when it fails, never the task.
 */

import { limits } from '@meshbook/core/limits.ts'
import type { ToolRule } from '@meshbook/core/tasks-api.ts'
import {
  Client,
  type ContentBlock,
  type Tool as ServerTool,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client'
import type { Tool, ToolOutcome } from './tool.ts'
import type { Workspace } from './workspace.ts'
import { WorkspaceTransport } from './workspace-transport.ts'

export interface McpServerSetting {
  /** Letters, digits, `-`: it begins the names of its tools. */
  name: string
  at: { argv: readonly string[]; env?: Readonly<Record<string, string>> } | { url: string }
  /** Of its tools: `ask` where nothing is said. What is never allowed is not there at all, whatever a task says. */
  rule?: ToolRule
  /** Of single ones, by the names that the server gives them. */
  tools?: Readonly<Record<string, ToolRule>>
}

export interface McpOptions {
  workspace: Workspace
  /** Carries requests to servers at addresses; without it there are none. */
  fetch?: typeof fetch
  startMs?: number
  callMs?: number
}

export interface McpTools {
  tools: Tool[]
  /** Why the tools of a server are missing. */
  problems: string[]
  close(): Promise<void>
}

export async function connectMcpServers(
  servers: readonly McpServerSetting[],
  options: McpOptions,
  signal: AbortSignal,
): Promise<McpTools> {
  const taken = servers.slice(0, limits.mcpServersPerTask)
  const opened = await Promise.all(taken.map(server => connect(server, options, signal)))
  const clients = opened.flatMap(result => ('client' in result ? [result.client] : []))
  const left = servers.length - taken.length
  return {
    tools: firstOfEachName(opened.flatMap(result => ('tools' in result ? result.tools : []))),
    problems: [
      ...opened.flatMap(result => ('problem' in result ? [result.problem] : [])),
      ...(left > 0 ? [`${left} servers are more than the ${limits.mcpServersPerTask} that a task may have.`] : []),
    ],
    async close() {
      await Promise.allSettled(clients.map(client => client.close()))
    },
  }
}

async function connect(
  server: McpServerSetting,
  options: McpOptions,
  signal: AbortSignal,
): Promise<{ client: Client; tools: Tool[] } | { problem: string }> {
  const client = new Client({ name: 'meshbook', version: '1' }, { capabilities: {} })
  const request = { timeout: options.startMs ?? limits.mcpStartMs, signal }
  try {
    await client.connect(transportOf(server, options, signal), request)
    const { tools } = await client.listTools(undefined, request)
    const taken = tools
      .filter(({ name }) => ruleOf(server, name) !== 'never')
      .slice(0, limits.mcpToolsPerServer)
      .filter(hasSchemaThatFits)
    return { client, tools: taken.map(tool => asTool(server, tool, client, options.callMs ?? limits.toolRunMs)) }
  } catch (error) {
    signal.throwIfAborted()
    await client.close()
    return { problem: `The server ${server.name} cannot be used: ${wordsOf(error)}` }
  }
}

function transportOf({ at }: McpServerSetting, { workspace, fetch }: McpOptions, signal: AbortSignal): Transport {
  if ('argv' in at) return new WorkspaceTransport(workspace, at, signal)
  if (!fetch) throw new Error('this task reaches no addresses')
  const never = {
    maxRetries: 0,
    initialReconnectionDelay: 1_000,
    maxReconnectionDelay: 1_000,
    reconnectionDelayGrowFactor: 1,
  }
  return new StreamableHTTPClientTransport(new URL(at.url), { fetch: capped(fetch), reconnectionOptions: never })
}

/** The fetch, with a limit on what one answer may bring. */
function capped(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await fetch(input, init)
    if (!answer.body) return answer
    let bytes = 0
    const limit = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.length
        if (bytes > limits.mcpMessageBytes) controller.error(new Error('the answer is larger than allowed'))
        else controller.enqueue(chunk)
      },
    })
    const { status, statusText, headers } = answer
    return new Response(answer.body.pipeThrough(limit), { status, statusText, headers })
  }
}

function hasSchemaThatFits({ inputSchema }: ServerTool): boolean {
  return Buffer.byteLength(JSON.stringify(inputSchema)) <= limits.mcpSchemaBytes
}

const nameChars = 64

function ruleOf({ rule = 'ask', tools = {} }: McpServerSetting, name: string): ToolRule {
  return Object.hasOwn(tools, name) ? tools[name]! : rule
}

/** A server tells what its tools do; what they may do is for people to say, so they ask. */
function asTool(setting: McpServerSetting, tool: ServerTool, client: Client, mostMs: number): Tool {
  const { name: server } = setting
  return {
    name: `mcp_${server}_${tool.name}`.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, nameChars),
    description: (tool.description ?? tool.title ?? tool.name).slice(0, limits.mcpDescriptionChars),
    schema: { ...tool.inputSchema },
    hasEffects: true,
    resumes: false,
    rule: ruleOf(setting, tool.name),
    mostMs,
    parse: input => {
      if (typeof input === 'object' && input !== null && !Array.isArray(input)) return { input }
      return { wrong: 'input: expected an object' }
    },
    shown: input => `${server}: ${tool.name}\n\n${JSON.stringify(input, null, 2)}`,
    run: async (input, { signal }) => {
      const request = { name: tool.name, arguments: input as Record<string, unknown> }
      const result = await client.callTool(request, { timeout: mostMs, maxTotalTimeout: mostMs, signal })
      return outcomeOf(result)
    },
  }
}

function outcomeOf(result: {
  content?: ContentBlock[]
  structuredContent?: unknown
  isError?: boolean | undefined
}): ToolOutcome {
  const content = (result.content ?? []).map(textOf).join('\n')
  const structured = result.structuredContent === undefined ? '' : JSON.stringify(result.structuredContent)
  return { ok: result.isError !== true, content: content || structured || '(no output)' }
}

function textOf(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'image':
    case 'audio':
      return `[${block.type}, ${block.mimeType}]`
    case 'resource_link':
      return `[${block.name}: ${block.uri}]`
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[${block.resource.uri}]`
  }
}

function firstOfEachName(tools: readonly Tool[]): Tool[] {
  return tools.filter((tool, at) => tools.findIndex(({ name }) => name === tool.name) === at)
}

function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500)
}
