import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import { taskPlaces } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { Argument, Command } from 'commander'
import { say } from '../print.ts'
import { stopSignal } from '../until-stopped.ts'

const parts = { runner, tools, broker, load }

/** What a task worker runs, twice: as the runner and as the tool host. Of no use to a person. */
export function taskWorkerCommand(): Command {
  return new Command('task-worker')
    .description('be a part of a worker for an agent task, which a hub has made')
    .addArgument(new Argument('<part>').choices(['runner', 'tools', 'broker', 'load']))
    .action(async (part: keyof typeof parts) => parts[part]())
}

async function runner(): Promise<void> {
  const stop = stopSignal()
  const { runTask } = await import('../task-worker/run-task.ts')
  const why = await runTask({
    sockets: taskPlaces.own,
    repo: taskPlaces.repo,
    // As the first process gives them (first.sh).
    tools: { from: new Socket({ fd: 3, writable: false }), to: new Socket({ fd: 4, readable: false }) },
    now: Date.now,
    random: Math.random,
    bytes: systemRandom,
    stop,
    log: say,
  })
  say(`This worker ends: ${why}.`)
  process.exit(0)
}

async function tools(): Promise<void> {
  const { hostTools } = await import('../task-worker/host-tools.ts')
  const pipe = { from: process.stdin, to: process.stdout }
  await hostTools({
    sockets: taskPlaces.tools,
    repo: taskPlaces.repo,
    home: taskPlaces.home,
    pipe,
    newName: () => randomUUID(),
  })
}

async function broker(): Promise<void> {
  const stop = stopSignal()
  const { runBroker } = await import('../task-worker/run-broker.ts')
  const running = await runBroker({
    hubUrl: setting('MESHBOOK_HUB_URL'),
    worker: setting('MESHBOOK_WORKER'),
    tokenFile: setting('MESHBOOK_TOKEN_FILE'),
    own: taskPlaces.own,
    shared: taskPlaces.tools,
    pipes: process.env.MESHBOOK_PIPES,
    random: Math.random,
    log: say,
  })
  say(`This broker ends: ${await Promise.race([running.over, stop.then(() => 'it was told to')])}.`)
  await running.close()
  process.exit(0)
}

function setting(name: string): string {
  const value = process.env[name]
  if (value) return value
  throw new MeshError('BAD_CONFIG', { detail: `${name} is not set; a hub starts workers by itself` })
}

/** Only so that all of it has been compiled once, where what was compiled is kept. */
async function load(): Promise<void> {
  await import('../task-worker/host-tools.ts')
  await import('../task-worker/run-broker.ts')
  const { clients } = await import('../task-worker/run-task.ts')
  for (const client of Object.values(clients)) await client()
  process.exit(0)
}
