/** The mesh of the schedules in real Chromium: a hub that is killed, and two devices that are not, with real kernels. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { TestContext } from 'node:test'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { projectSchema, runSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { command, eventually, type MeshProcess, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const fence = '```'

export class BrowserWorld {
  readonly devices = ['anvil', 'forge'] as const
  readonly #t: TestContext
  readonly #ran: string
  #hub: MeshProcess
  #isUp = true
  #marks = 0

  private constructor(t: TestContext, hub: MeshProcess, ran: string) {
    this.#t = t
    this.#hub = hub
    this.#ran = ran
  }

  static async start(t: TestContext): Promise<BrowserWorld> {
    const ran = join(await temporaryFolder(t), 'ran.txt')
    await writeFile(ran, '')
    const data = await temporaryFolder(t)
    const world = new BrowserWorld(t, await hubAt(t, data, 0), ran)
    await world.#client.post('/projects', { name: 'demo' }, projectSchema)
    const folders = []
    for (const name of world.devices) folders.push(await world.#device(name))
    const cells = [1, 2, 3].map(() => `${fence}python\n${world.newCode()}\n${fence}\n`)
    await writeFile(join(folders[0]!, 'note.md'), `# Note\n\n${cells.join('\n')}\nThe end.\n`)
    for (const folder of folders)
      await eventually('the notebook is there', async () => (await readdir(folder)).includes('note.md'))
    return world
  }

  get url(): string {
    return this.#hub.url
  }
  get link(): string {
    return this.#hub.link
  }
  get isUp(): boolean {
    return this.#isUp
  }
  get #client(): ApiClient {
    return new ApiClient({ hub: this.#hub.url, token })
  }

  async killHub(): Promise<void> {
    this.#isUp = false
    await this.#hub.kill('SIGKILL')
  }

  async startHub(): Promise<void> {
    if (this.#isUp) return
    this.#hub = await hubAt(this.#t, this.#hub.data, Number(new URL(this.#hub.url).port))
    this.#isUp = true
  }

  /** Code that nobody had before, which notes that it ran, and where. */
  newCode(): string {
    return `import os; open("${this.#ran}", "a").write("m${++this.#marks} " + os.getcwd() + "\\n")`
  }

  markOf(code: string): string {
    return /"(m\d+) "/.exec(code)?.[1] ?? code
  }

  /** How often what ran where: by mark and device. */
  async executions(): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    for (const line of (await readFile(this.#ran, 'utf8')).split('\n').filter(Boolean)) {
      const [mark, folder] = line.split(' ') as [string, string]
      const key = `${mark} ${basename(folder)}`
      found.set(key, (found.get(key) ?? 0) + 1)
    }
    return found
  }

  /** How the run ended; undefined if the hub never had it. What the hub asks about is still wanted (RU30). */
  async ended(id: string): Promise<string | undefined> {
    const outcome = await eventually(
      `${id} has ended`,
      async () => {
        const run = await this.#run(id)
        if (run === undefined) return { ended: undefined }
        if (run.asks !== null) await this.#client.post(`/runs/${id}/confirm`, { codeHash: run.codeHash }, runSchema)
        return run.endedAt === null ? undefined : { ended: run.status }
      },
      60_000,
    )
    return outcome.ended
  }

  async #run(id: string) {
    try {
      return await this.#client.get(`/runs/${id}`, runSchema)
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === 'NOT_FOUND') return undefined
      throw thrown
    }
  }

  /** Its copy of the project is in a folder of its name. */
  async #device(name: string): Promise<string> {
    const data = await temporaryFolder(this.#t)
    const device = await startProcess(this.#t, data, ['up', '--hub', this.#hub.url, '--name', name], {
      MESHBOOK_TOKEN: token,
    })
    const folder = join(device.data, name)
    await mkdir(folder)
    const attached = await command(['attach', folder, '--project', 'demo', '--data', device.data])
    assert.equal(attached.code, 0, attached.stderr)
    return folder
  }
}

const hubAt = (t: TestContext, data: string, port: number): Promise<MeshProcess> =>
  startProcess(t, data, ['hub', '--port', `${port}`], { MESHBOOK_BOOTSTRAP_TOKEN: token })
