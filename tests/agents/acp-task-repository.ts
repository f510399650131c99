/** A repository whose test fails, with the agent in it that mends it (acp-task-agent.ts), and how a worker begins that agent. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const source = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8')

export const acpTaskFiles = {
  'acp-task-agent.ts': await source('acp-task-agent.ts'),
  'acp-script.ts': await source('acp-script.ts'),
  'answer.js': 'export const answer = 41\n',
  'test.js': `import { answer } from './${'answer'}.js'\nconsole.log(answer === 42 ? 'pass' : 'fail')\n`,
  'package.json': '{"type":"module"}\n',
}

export const acpTaskArgv = ['/opt/meshbook/node', '/work/repo/acp-task-agent.ts', '/opt/meshbook/package.json']
