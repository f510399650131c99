/** What browsers and devices of an org are told while it happens. Publishing never waits for a subscriber. */
import type { HubEvent } from '@meshbook/core/api.ts'
import type { OrgId } from '@meshbook/core/ids.ts'

export type HubListener = (event: HubEvent) => void

export class HubEvents {
  readonly #listeners = new Map<OrgId, Set<HubListener>>()

  publish(org: OrgId, event: HubEvent): void {
    for (const listener of this.#listeners.get(org) ?? []) listener(event)
  }

  hasListeners(org: OrgId): boolean {
    return this.#listeners.has(org)
  }

  publishToAll(event: HubEvent): void {
    for (const org of this.#listeners.keys()) this.publish(org, event)
  }

  subscribe(org: OrgId, listener: HubListener): () => void {
    const listeners = this.#listeners.get(org) ?? new Set()
    this.#listeners.set(org, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(org) === listeners) this.#listeners.delete(org)
    }
  }
}
