/** Workers that are nothing but entries in memory: the second implementation of the port, and what tests of the hub use. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { WorkerId } from '@meshbook/core/ids.ts'
import type { ComputeDescription, ComputeDriver, FoundWorker, WorkerSpec } from '../compute/port.ts'

/** What several hubs share. */
export class ScriptedEngine<Spec extends { id: WorkerId } = WorkerSpec> {
  readonly workers = new Map<WorkerId, { hub: string; spec: Spec; state: FoundWorker['state']; said: string }>()
  answers = true
  hasImage = true
  /** Whether workers end when they are asked to. */
  obeys = true
}

export class ScriptedDriver<Spec extends { id: WorkerId } = WorkerSpec> implements ComputeDriver<Spec> {
  readonly engine: ScriptedEngine<Spec>
  readonly #hub: string
  /** Called while an order is under way, before anything is done. */
  onStart: (spec: Spec) => Promise<void> = async () => undefined
  /** Called when a worker is asked to end, before it does. */
  onStop: (id: WorkerId) => Promise<void> = async () => undefined

  constructor(engine: ScriptedEngine<Spec>, hub: string) {
    this.engine = engine
    this.#hub = hub
  }

  async describe(): Promise<ComputeDescription> {
    this.#mustAnswer()
    if (this.engine.hasImage)
      return { ready: true, driver: 'scripted', engine: 'Scripted 1', languages: ['python', 'bash'], gpu: false }
    return { ready: false, driver: 'scripted', problem: 'There is no image.', fix: 'Make one of nothing.' }
  }

  async start(spec: Spec): Promise<void> {
    this.#mustAnswer()
    if (!this.engine.hasImage) throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'there is no image' })
    await this.onStart(spec)
    if (!this.engine.workers.has(spec.id))
      this.engine.workers.set(spec.id, { hub: this.#hub, spec, state: 'running', said: 'ready\n' })
  }

  async stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    this.#mustAnswer()
    const worker = this.engine.workers.get(id)
    if (!worker) return { said: '' }
    await this.onStop(id)
    if (worker.state === 'running' && this.engine.obeys) worker.said += 'bye\n'
    if (worker.state === 'running' && !this.engine.obeys) await new Promise(resolve => setTimeout(resolve, graceMs))
    this.engine.workers.delete(id)
    return { said: worker.said }
  }

  async list(): Promise<FoundWorker[]> {
    this.#mustAnswer()
    const own = [...this.engine.workers].filter(([, { hub }]) => hub === this.#hub)
    return own.map(([id, { state }]) => ({ id, state }))
  }

  #mustAnswer(): void {
    if (!this.engine.answers) throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the engine does not answer' })
  }
}
