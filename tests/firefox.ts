/** The Firefox of the distribution, asked by Marionette; its profile is fresh and trusts what was imported there. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from './mesh-process.ts'

type Answer = [1, number, { error: string; message: string } | null, { value: unknown } | null]

export class Firefox {
  readonly #socket: Socket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #text = Buffer.alloc(0)
  #next = 1

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', part => {
      this.#text = Buffer.concat([this.#text, part])
      this.#read()
    })
  }

  /** `authority`: a file in PEM that it is to trust. */
  static async start(
    t: TestContext,
    { authority, prefs }: { authority: string; prefs: Record<string, string | number | boolean> },
  ): Promise<Firefox> {
    const profile = await mkdtemp(join(tmpdir(), 'meshbook-firefox-'))
    t.after(() => rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }))
    const port = await freePort()
    const all = { 'marionette.port': port, ...quiet, ...prefs }
    const lines = Object.entries(all).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    )
    await writeFile(join(profile, 'user.js'), lines.join('\n'))
    const certutil = (...args: string[]): Buffer => execFileSync('certutil', ['-d', `sql:${profile}`, ...args])
    certutil('-N', '--empty-password')
    certutil('-A', '-n', 'Meshbook', '-t', 'C,,', '-i', authority)
    const child = spawn('firefox-esr', ['--headless', '--marionette', '--no-remote', '--profile', profile], {
      env: { ...process.env, HOME: profile },
      stdio: 'ignore',
    })
    const ended = new Promise(resolve => child.once('exit', resolve))
    t.after(async () => {
      child.kill('SIGKILL')
      await ended
    })
    const firefox = new Firefox(await eventually('Firefox answers', () => reach(port)))
    t.after(() => firefox.#socket.destroy())
    await firefox.ask('WebDriver:NewSession', { capabilities: { alwaysMatch: { acceptInsecureCerts: false } } })
    await firefox.ask('WebDriver:SetTimeouts', { script: 30_000, pageLoad: 30_000 })
    return firefox
  }

  goto(url: string): Promise<unknown> {
    return this.ask('WebDriver:Navigate', { url })
  }

  /** The body of an async function, in the page. */
  async run<T>(body: string, ...args: unknown[]): Promise<T> {
    const script = `const done = arguments[arguments.length - 1];
      (async (...args) => { ${body} })(...arguments).then(value => done({ value }), error => done({ error: String(error) }))`
    const { value } = (await this.ask('WebDriver:ExecuteAsyncScript', { script, args })) as {
      value: { value: T } | { error: string }
    }
    if ('error' in value) throw new Error(value.error)
    return value.value
  }

  ask(command: string, params: object): Promise<unknown> {
    const id = this.#next++
    const text = JSON.stringify([0, id, command, params])
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`)
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ([, , error, result]) =>
        error ? reject(new Error(`${command}: ${error.error}: ${error.message}`)) : resolve(result),
      )
    })
  }

  /** Messages stand behind their length: `12:[1,1,null,{}]`. */
  #read(): void {
    for (;;) {
      const colon = this.#text.indexOf(':')
      const length = Number(this.#text.subarray(0, colon).toString())
      if (colon < 0 || this.#text.length < colon + 1 + length) return
      const message = JSON.parse(this.#text.subarray(colon + 1, colon + 1 + length).toString()) as Answer | object
      this.#text = this.#text.subarray(colon + 1 + length)
      if (Array.isArray(message)) this.#waiting.get(message[1])?.(message as Answer)
    }
  }
}

const quiet = {
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'toolkit.telemetry.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function reach(port: number): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}
