// A server of the Model Context Protocol with tools for tests.
import { Server } from '@modelcontextprotocol/server'

export function testMcpServer(): Server {
  const server = new Server({ name: 'test', version: '1' }, { capabilities: { tools: {} } })
  const schema = { type: 'object' as const, properties: { text: { type: 'string' } } }
  const tool = (name: string, description = name) => ({ name, description, inputSchema: schema })
  const many = Array.from({ length: 100 }, (_, at) => tool(`more ${at}`))
  const large = { ...tool('large'), inputSchema: { ...schema, description: 'x'.repeat(40_000) } }
  server.setRequestHandler('tools/list', () => ({
    tools: [tool('echo', 'x'.repeat(5_000)), tool('fail'), tool('slow'), large, ...many],
  }))
  server.setRequestHandler('tools/call', async ({ params }) => {
    const text = String(params.arguments?.text ?? '')
    if (params.name === 'slow') await new Promise(resolve => setTimeout(resolve, 5_000))
    if (params.name === 'fail') return { content: [{ type: 'text' as const, text: 'it failed' }], isError: true }
    return { content: [{ type: 'text' as const, text: `echo ${text}` }] }
  })
  return server
}
