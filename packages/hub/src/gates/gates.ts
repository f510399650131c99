/** Decisions that runs wait for: taken by people once, and told to the executor until it has them (RU1–RU8). */
import type { Gate, GateAnswer } from '@meshbook/core/api.ts'
import type { DeviceId, GateId, Now, OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { HubEvents } from '../hub-events.ts'
import type { HubStore } from '../store/hub-store.ts'

export interface GatesPorts {
  store: HubStore
  fleet: Pick<Fleet, 'send'>
  events: HubEvents
  now: Now
  /** A run that no device has, but a worker of a task, has a gate that is decided. */
  toTask: (run: RunId) => void
}

export class Gates {
  readonly #ports: GatesPorts

  constructor(ports: GatesPorts) {
    this.#ports = ports
  }

  async decide(org: OrgId, id: GateId, answer: GateAnswer, by: string): Promise<Gate> {
    const { store, now } = this.#ports
    const gate = await store.call('decideGate', { org, id, answer, by, now: now() })
    this.#show(org, gate)
    this.#tell(gate)
    return gate
  }

  async expire(now: number): Promise<void> {
    const { store } = this.#ports
    for (const { org, id } of await store.query('overdueGates', { now })) {
      const gate = await store.call('expireGate', { org, id, now })
      if (!gate) continue
      this.#show(org, gate)
      this.#tell(gate)
    }
  }

  /** A device has come: it is told what it may have missed. */
  async tellDevice(device: DeviceId): Promise<void> {
    for (const gate of await this.#ports.store.query('unreceivedGates', { device })) this.#tell(gate)
  }

  /** Gates of a run came, were decided or received, here or at another hub: the one that has the channel tells the device (CH3). */
  async changed(org: OrgId, run: RunId): Promise<void> {
    for (const gate of await this.#ports.store.query('gatesOfRun', { org, run })) {
      this.#show(org, gate)
      if (gate.receivedAt === null) this.#tell(gate)
    }
  }

  /** Nothing where the device has its channel at another hub, which hears of the decision from the store. */
  #tell({ id: gate, run, device, state, digest, nonce, decidedBy: by, comment, decidedAt }: Gate): void {
    if (decidedAt === null || state === 'open' || state === 'void') return
    if (device === null) {
      this.#ports.toTask(run)
      return
    }
    this.#ports.fleet.send(device, {
      type: 'GATE_DECIDED',
      run,
      gate,
      decision: state,
      digest,
      nonce,
      by,
      comment,
      decidedAt,
    })
  }

  /** What is shown for the decision is for whoever opens the gate, not for every page. */
  #show(org: OrgId, { shown: _, ...gate }: Gate): void {
    this.#ports.events.publish(org, { type: 'gate', gate })
  }
}
