// The server of tests on standard input and output.
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { testMcpServer } from './mcp-server.ts'

process.stderr.write('the server is here\n')
await testMcpServer().connect(new StdioServerTransport())
