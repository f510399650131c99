/** A phone: asks for runs and follows them, and tries again until it is answered, as somebody does who walks about. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { listOf, projectSchema, runSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { sessionInfoSchema } from '@meshbook/core/messages.ts'
import { moveSchema } from '@meshbook/core/moves-api.ts'
import type { NumberedEvent } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import { answerLines } from './answer-lines.ts'

const [hub = '', token = ''] = process.argv.slice(2)
const client = new ApiClient({ hub, token }, { silenceMs: 4_000 })

type Request =
  | { do: 'project'; name: string }
  | { do: 'submit'; body: { id: string } }
  | { do: 'run'; run: string }
  | { do: 'follow'; run: string }
  | { do: 'log'; run: string }
  | { do: 'document'; path: string }
  | { do: 'content'; document: string }
  | { do: 'devices' }
  | { do: 'sessions' }
  | { do: 'runs' }
  | { do: 'moves' }
  | { do: 'revoke'; device: string }

const statusOfDevices = v.object({
  items: v.array(
    v.object({
      id: v.string(),
      name: v.string(),
      status: v.string(),
      direct: v.optional(v.array(v.string())),
    }),
  ),
})

answerLines((request: Request) => {
  switch (request.do) {
    case 'project':
      return client.post('/projects', { name: request.name }, projectSchema)
    case 'submit':
      return untilAnswered(() => client.post('/runs', request.body, runSchema))
    case 'run':
      return untilAnswered(() => client.get(`/runs/${request.run}`, runSchema))
    case 'document':
      return untilAnswered(() => client.documentAt(request.path))
    case 'content':
      return untilAnswered(() => client.text(`/documents/${request.document}/content`))
    case 'devices':
      return untilAnswered(() => client.get('/devices', statusOfDevices))
    case 'sessions':
      return untilAnswered(() => client.get('/sessions', listOf(sessionInfoSchema)))
    case 'moves':
      return untilAnswered(() => client.get('/moves', listOf(moveSchema)))
    case 'runs':
      return untilAnswered(() => client.get('/runs', listOf(v.omit(runSchema, ['code']))))
    case 'revoke':
      return client.send('DELETE', `/devices/${request.device}`)
    case 'follow':
    case 'log':
      return follow(request.run)
  }
})

async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (thrown) {
      if (!isPassing(thrown)) throw thrown
      await sleep(limits.reconnectMinMs)
    }
  }
}

/** Every event that this phone is shown, also one that is shown twice. */
async function follow(run: string): Promise<NumberedEvent[]> {
  const shown: NumberedEvent[] = []
  await untilAnswered(async () => {
    for await (const event of client.events(run, shown.at(-1)?.seq ?? 0, new AbortController().signal))
      shown.push(event)
  })
  return shown
}

function isPassing(thrown: unknown): boolean {
  return thrown instanceof MeshError && (thrown.code === 'UNREACHABLE' || thrown.code === 'TIMEOUT')
}
