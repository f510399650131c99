/**
 * People, as an agent in a worker asks them: by gates and questions in its log, with answers from the broker. A question
 * that was open when another worker had the task is not asked twice.
 */
import { type GateId, newId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { ApprovalAnswer, ApprovalQuestion, People } from '@meshbook/engine/agent/ports.ts'
import type { Told } from './broker-channel.ts'

type Opened = Extract<RunEvent, { type: 'gate-opened' }>
type Decided = Extract<Told, { type: 'gate' }>

export interface PeoplePorts {
  log: readonly RunEvent[]
  write(event: RunEvent): void
  flush(): Promise<void>
  now: () => number
  random: RandomBytes
  /** Names of the users who alone may agree to the use of a tool. */
  decidersOf(tool: string): string[] | undefined
}

export class PeopleByBroker implements People {
  readonly #ports: PeoplePorts
  readonly #open: Opened[]
  readonly #asked: Set<string>
  readonly #decided = new Map<string, Decided>()
  readonly #answers = new Map<string, string>()
  #told = Promise.withResolvers<void>()

  constructor(ports: PeoplePorts) {
    this.#ports = ports
    const done = new Set(ports.log.flatMap(event => (event.type === 'gate-decided' ? [event.gate] : [])))
    this.#open = ports.log.filter(event => event.type === 'gate-opened').filter(({ gate }) => !done.has(gate))
    const answered = new Set(ports.log.flatMap(event => (event.type === 'input-answered' ? [event.id] : [])))
    const asked = ports.log.flatMap(event => (event.type === 'input-request' ? [event.id] : []))
    this.#asked = new Set(asked.filter(id => !answered.has(id)))
  }

  /** From the broker. */
  tell(message: Extract<Told, { type: 'gate' | 'input' }>): void {
    if (message.type === 'gate') this.#decided.set(message.gate, message)
    else this.#answers.set(message.id, message.text)
    this.#told.resolve()
    this.#told = Promise.withResolvers<void>()
  }

  async approve({ tool, title, shown }: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer> {
    const gate = await this.#gateFor(tool, title, shown)
    const { decision, digest, by, comment } = await this.#until(() => this.#decided.get(gate), signal)
    this.#ports.write({ type: 'gate-decided', at: this.#ports.now(), gate, decision, ...(by !== null && { by }) })
    return { decision, digest, by, comment }
  }

  async ask({ call, text }: { call: string; text: string }, signal: AbortSignal): Promise<string> {
    const { write, flush, now } = this.#ports
    if (!this.#asked.delete(call)) write({ type: 'input-request', at: now(), id: call, prompt: text, password: false })
    await flush()
    const answer = await this.#until(() => this.#answers.get(call), signal)
    write({ type: 'input-answered', at: now(), id: call })
    return answer
  }

  async #gateFor(tool: string, title: string, shown: string): Promise<GateId> {
    const { write, flush, now, random } = this.#ports
    const at = this.#open.findIndex(gate => gate.title === title && gate.shown === shown)
    if (at >= 0) return this.#open.splice(at, 1)[0]!.gate
    const gate = newId('gate', now(), random)
    const nonce = Buffer.from(random(24)).toString('base64url')
    const deciders = this.#ports.decidersOf(tool)
    const expiresAt = now() + limits.taskApprovalMs
    write({ type: 'gate-opened', at: now(), gate, nonce, title, shown, expiresAt, ...(deciders && { deciders }) })
    await flush()
    return gate
  }

  async #until<T>(look: () => T | undefined, signal: AbortSignal): Promise<T> {
    const aborted = new Promise<never>((_, reject) => {
      const stop = (): void => reject(signal.reason)
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
    aborted.catch(() => undefined)
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      await Promise.race([this.#told.promise, aborted])
    }
  }
}
