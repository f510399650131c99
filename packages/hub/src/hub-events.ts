/** What browsers and devices of an org are told while it happens. Publishing never waits for a subscriber. */
import type { HubEvent } from '@meshbook/core/api.ts'
import type { OrgId } from '@meshbook/core/ids.ts'

export type HubListener = (event: HubEvent) => void

export class HubEvents {
  readonly #listeners = new Map<OrgId, Set<HubListener>>()
  /** Devices, which are many and are told of nothing else by this way. */
  readonly #projectListeners = new Map<OrgId, Set<() => void>>()

  publish(org: OrgId, event: HubEvent): void {
    for (const listener of this.#listeners.get(org) ?? []) listener(event)
    if (event.type === 'projects') for (const changed of this.#projectListeners.get(org) ?? []) changed()
  }

  hasListeners(org: OrgId): boolean {
    return this.#listeners.has(org)
  }

  publishToAll(event: HubEvent): void {
    for (const org of this.#listeners.keys()) this.publish(org, event)
  }

  subscribe(org: OrgId, listener: HubListener): () => void {
    return enter(this.#listeners, org, listener)
  }

  /** Which projects an org sees has changed. */
  onProjects(org: OrgId, changed: () => void): () => void {
    return enter(this.#projectListeners, org, changed)
  }
}

function enter<T>(all: Map<OrgId, Set<T>>, org: OrgId, listener: T): () => void {
  const listeners = all.get(org) ?? new Set()
  all.set(org, listeners)
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0 && all.get(org) === listeners) all.delete(org)
  }
}
