/** Shows a run on the terminal while it goes on: output as it comes, questions answered in place, Ctrl+C cancels. */
import { createInterface } from 'node:readline/promises'
import { exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { ApiClient } from './api-client.ts'
import { printJson, say } from './print.ts'

export interface FollowOptions {
  json: boolean
  after: number
  /** Whether questions of the run are asked here, and Ctrl+C cancels the run. */
  interactive: boolean
  /** Told of each event that puts something into the document. */
  onOutput?: () => void
}
const outputs: ReadonlySet<RunEvent['type']> = new Set(['stdout', 'stderr', 'display', 'result', 'failed'])

/** Resolves with the exit code that the run's end stands for. */
export async function follow(client: ApiClient, run: string, options: FollowOptions): Promise<number> {
  const stop = new AbortController()
  const onInterrupt = () => void cancelOrLeave(client, run, options, stop)
  process.on('SIGINT', onInterrupt)
  try {
    for await (const { seq, event } of client.events(run, options.after, stop.signal)) {
      if (options.json) printJson({ run, seq, ...event })
      else print(event)
      if (outputs.has(event.type)) options.onOutput?.()
      if (event.type === 'input-request' && options.interactive) await answerInput(client, run, event)
      const code = exitCodeOf(event)
      if (code !== undefined) return code
    }
    return exitCodes.interrupted
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

/** The first Ctrl+C asks the run to stop and waits for its end; the second leaves at once. */
async function cancelOrLeave(
  client: ApiClient,
  run: string,
  options: FollowOptions,
  stop: AbortController,
): Promise<void> {
  if (!options.interactive || stopping.has(run)) return stop.abort()
  stopping.add(run)
  try {
    await client.send('POST', `/runs/${encodeURIComponent(run)}/cancel`, {
      reason: 'interrupted from the command line',
    })
  } catch (error) {
    say(`The run could not be cancelled: ${error instanceof MeshError ? error.message : String(error)}`)
    stop.abort()
  }
}
const stopping = new Set<string>()

function exitCodeOf(event: RunEvent): number | undefined {
  switch (event.type) {
    case 'completed':
      return exitCodes.ok
    case 'failed':
      return exitCodes.runFailed
    case 'cancelled':
    case 'interrupted':
      return exitCodes.interrupted
    default:
      return undefined
  }
}

function print(event: RunEvent): void {
  switch (event.type) {
    case 'stdout':
      process.stdout.write(event.text)
      break
    case 'started':
      if (event.notice !== undefined) process.stderr.write(`\u001b[2m${event.notice}\u001b[0m\n`)
      break
    case 'stderr':
      process.stderr.write(event.text)
      break
    case 'display':
    case 'result':
      process.stdout.write(`${textOf(event.parts)}\n`)
      break
    case 'failed':
      say(
        event.error.traceback.length > 0
          ? event.error.traceback.join('\n')
          : `${event.error.name}: ${event.error.message}`,
      )
      break
    case 'gate-opened':
      say(`? ${exactText(event.title)}  Look and decide: meshbook gate approve ${event.gate}`)
      break
    case 'gate-decided':
      say(`${event.decision}${event.by ? ` by ${event.by}` : ''}`)
      break
    case 'cancelled':
    case 'interrupted':
      say(`${event.type}: ${event.reason}`)
      break
  }
}

function textOf(parts: Extract<RunEvent, { type: 'result' }>['parts']): string {
  const plain = parts.find(part => part.mimeType === 'text/plain')
  if (plain?.at === 'inline') return plain.data
  return `[${parts.map(part => part.mimeType).join(', ')}]`
}

async function answerInput(
  client: ApiClient,
  run: string,
  request: Extract<RunEvent, { type: 'input-request' }>,
): Promise<void> {
  if (!process.stdin.isTTY) {
    say(
      'The run asks for input and there is no terminal to ask on; it is cancelled. Run it in the notebook or on a terminal.',
    )
    await client.send('POST', `/runs/${encodeURIComponent(run)}/cancel`, {
      reason: 'it asked for input where nobody could answer',
    })
    return
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const text = await terminal.question(request.printed ? '' : request.prompt)
    await client.send('POST', `/runs/${encodeURIComponent(run)}/input`, { id: request.id, text })
  } finally {
    terminal.close()
  }
}
