// A server of tools in a task worker, by the official library. Its file is a part of the repository; its word is where the
// libraries are.
import { createRequire } from 'node:module'

const library = createRequire(process.argv[2]!)
const { Server } = (await import(
  library.resolve('@modelcontextprotocol/server')
)) as typeof import('@modelcontextprotocol/server')
const { StdioServerTransport } = (await import(
  library.resolve('@modelcontextprotocol/server/stdio')
)) as typeof import('@modelcontextprotocol/server/stdio')

const inputSchema = { type: 'object' as const, properties: { text: { type: 'string' } } }
const server = new Server({ name: 'task-server', version: '1' }, { capabilities: { tools: {} } })
server.setRequestHandler('tools/list', () => ({
  tools: ['find', 'change', 'remove'].map(name => ({ name, description: `It can ${name}.`, inputSchema })),
}))
server.setRequestHandler('tools/call', async ({ params }) => {
  const text = `${params.name} ${String(params.arguments?.text)} by ${process.getuid!()} with ${process.env.LEVEL}`
  return { content: [{ type: 'text' as const, text }] }
})
await server.connect(new StdioServerTransport())
