/** The three paths that a run can take to a document, with the shipped programs: on one machine alone, through a hub, and through a hub that is cut off and a device that is killed again and again. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { documentSchema, listOf, projectSchema, tokenSchema } from '@meshbook/core/api.ts'
import * as v from 'valibot'
import { HubFront } from '../hub-front.ts'
import {
  type Cleanup,
  clientOf,
  command,
  eventually,
  type MeshProcess,
  startMesh,
  startProcess,
} from '../mesh-process.ts'
import type { Chance } from '../soak/random.ts'

export const paths = ['local', 'remote', 'reconnect'] as const
export type Path = (typeof paths)[number]

export interface World {
  path: Path
  /** Where the attached notebooks are. */
  folder: string
  ask(method: string, path: string, body?: unknown): Promise<Response>
  /** Ids of the project's documents by their paths. */
  documents(): Promise<Map<string, string>>
  figures: { cuts: number; kills: number }
  /** From here on things go wrong, where they do on this path. */
  begin(): void
  close(): Promise<void>
}

const json = async (args: string[], data: string) => {
  const { code, stdout, stderr } = await command([...args, '--json', '--data', data])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/** Files that are to be in the project from the beginning. */
export type Files = ReadonlyMap<string, string>

export async function openWorld(t: Cleanup, base: string, path: Path, files: Files, chance: Chance): Promise<World> {
  const folder = join(base, 'work')
  await mkdir(folder, { recursive: true })
  for (const [name, text] of files) await writeFile(join(folder, name), text)
  return path === 'local' ? alone(t, base, folder) : throughHub(t, base, folder, path, chance)
}

function asker(url: string, token: string): World['ask'] {
  return (method, path, body) =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(20_000),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
}

function documentsOf(ask: World['ask'], project: string) {
  return async () => {
    const answer = await ask('GET', `/documents?project=${project}&limit=200`)
    const { items } = v.parse(listOf(documentSchema), await answer.json())
    return new Map(items.map(({ path, id }) => [path, id as string]))
  }
}

async function projectNamed(ask: World['ask']): Promise<string> {
  const { items } = v.parse(listOf(projectSchema), await (await ask('GET', '/projects')).json())
  return items.find(({ name }) => name === 'work')!.id
}

async function alone(t: Cleanup, base: string, folder: string): Promise<World> {
  const data = join(base, 'desk')
  const desk = await startProcess(t, data, ['up', '--port', '0', '--name', 'Desk'])
  await json(['attach', folder, '--project', 'work'], data)
  const { token } = await json(['token'], data)
  const ask = asker(desk.url, token)
  const close = async () => void (await desk.kill('SIGTERM'))
  const figures = { cuts: 0, kills: 0 }
  return {
    path: 'local',
    folder,
    ask,
    documents: documentsOf(ask, await projectNamed(ask)),
    figures,
    begin: () => undefined,
    close,
  }
}

async function throughHub(t: Cleanup, base: string, folder: string, path: Path, chance: Chance): Promise<World> {
  const hub = await startMesh(t, join(base, 'hub'))
  const client = await clientOf(hub)
  const { token } = await client.post('/tokens', { name: 'desk' }, tokenSchema)
  const front = await HubFront.start(t, hub.url)
  const data = join(base, 'desk')
  const start = () =>
    startProcess(t, data, ['up', '--hub', front.url, '--name', 'Desk', '--port', '0'], { MESHBOOK_TOKEN: token! })
  const desk = { now: await start() }
  await json(['attach', folder, '--project', 'work'], data)
  const ask = asker(hub.url, token!)
  const figures = { cuts: 0, kills: 0 }
  let trouble: Trouble | undefined
  const begin = () => {
    if (path === 'reconnect') trouble = new Trouble(front, desk, start, chance, figures)
  }
  const close = async () => {
    await trouble?.stop()
    await desk.now.kill('SIGTERM')
    await hub.kill('SIGTERM')
  }
  return { path, folder, ask, documents: documentsOf(ask, await projectNamed(ask)), figures, begin, close }
}

/** Cuts the connection of hub and device again and again, and kills the device's process in between. */
class Trouble {
  readonly #done: Promise<void>
  #ended = false

  constructor(
    front: HubFront,
    desk: { now: MeshProcess },
    start: () => Promise<MeshProcess>,
    chance: Chance,
    figures: World['figures'],
  ) {
    this.#done = this.#go(front, desk, start, chance, figures)
    // Whoever stops it is told.
    this.#done.catch(() => undefined)
  }

  async #go(
    front: HubFront,
    desk: { now: MeshProcess },
    start: () => Promise<MeshProcess>,
    chance: Chance,
    figures: World['figures'],
  ): Promise<void> {
    while (!this.#ended) {
      await sleep(chance.between(100, 1_500))
      if (chance.next() < 0.25) {
        await desk.now.kill('SIGKILL')
        figures.kills++
        const killed = performance.now()
        desk.now = await start()
        // On a busy machine nothing would ever get done between two kills.
        await sleep(2 * (performance.now() - killed))
      } else {
        front.cut()
        figures.cuts++
        await sleep(chance.between(1, 600))
        front.heal()
      }
      await sleep(chance.between(300, 2_000))
    }
  }

  async stop(): Promise<void> {
    this.#ended = true
    await this.#done
  }
}

/** All are listed, with the text of their files. */
export async function settled(world: World, files: Files): Promise<Map<string, string>> {
  return eventually(
    `the notebooks are there (${world.path})`,
    async () => {
      const found = await world.documents().catch(() => undefined)
      if (!found || [...files.keys()].some(name => !found.has(name))) return undefined
      for (const [name, text] of files) {
        const answer = await world.ask('GET', `/documents/${found.get(name)}/content`)
        if ((await answer.text()) !== text) return undefined
      }
      return found
    },
    60_000,
  )
}
