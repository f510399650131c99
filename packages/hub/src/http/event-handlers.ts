/** What happens where the caller may look, for browsers: the whole lists at connect, then every change. */
import type { HubEvent } from '@meshbook/core/api.ts'
import type { OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { LatestEvents } from '@meshbook/relay/serve/latest-events.ts'
import type { Parts } from '../parts.ts'
import type { Membership } from '../store/places.ts'
import type { UserAsk } from './route.ts'
import { openStream } from './run-handlers.ts'

/** The stream is open, and so closed by a change of roles, before the roles are read (ME8). */
export async function hubEventStream(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const view = new EventView(parts, ask)
  const stream = openStream(parts, ask, 'lists', view.waiting.next(), () => view.stop())
  try {
    await view.start()
  } catch (error) {
    await stream.body?.cancel()
    throw error
  }
  return stream
}

/** The events of the caller's org and those of the projects that are shared with the caller (ME5). */
class EventView {
  readonly waiting = new LatestEvents()
  readonly #parts: Parts
  readonly #ask: UserAsk<undefined>
  readonly #sessions = new Map<OrgId, SessionInfo[]>()
  readonly #stops: (() => void)[] = []
  #memberships: readonly Membership[] = []
  #stopped = false

  constructor(parts: Parts, ask: UserAsk<undefined>) {
    this.#parts = parts
    this.#ask = ask
  }

  async start(): Promise<void> {
    const { access, events, store, sessionsOf } = this.#parts
    const { who } = this.#ask
    this.#memberships = await access.memberships(who)
    const orgs = [who.org, ...new Set(this.#memberships.map(({ org }) => org))]
    if (this.#stopped) return
    for (const org of orgs) this.#stops.push(events.subscribe(org, event => this.#take(org, event)))
    this.#takeDevices()
    for (const org of orgs) this.#takeSessions(org, await sessionsOf(org))
    const { ok, detail } = store.health()
    this.waiting.put({ type: 'storage', ok, detail })
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops.splice(0)) stop()
  }

  #take(org: OrgId, event: HubEvent): void {
    const isOwn = org === this.#ask.who.org
    if (event.type === 'devices') this.#takeDevices()
    else if (event.type === 'sessions') this.#takeSessions(org, event.sessions)
    else if (isOwn || event.type === 'projects') this.waiting.put(event)
    else if (event.type === 'run' && this.#sees(org, event.run.project)) this.waiting.put(event)
    else if (event.type === 'gate' && this.#sees(org, event.gate.project)) this.waiting.put(event)
    else if ((event.type === 'documents' || event.type === 'files') && this.#sees(org, event.project))
      this.waiting.put(event)
    else if (event.type === 'versions') this.#takeVersion(event)
  }

  #sees(org: OrgId, project: ProjectId): boolean {
    return this.#memberships.some(shared => shared.org === org && shared.project === project)
  }

  #takeDevices(): void {
    const devices = this.#parts.fleet.listFor(this.#ask.who.org, this.#memberships)
    this.waiting.put({ type: 'devices', devices })
  }

  #takeSessions(org: OrgId, sessions: readonly SessionInfo[]): void {
    const isOwn = org === this.#ask.who.org
    this.#sessions.set(
      org,
      sessions.filter(({ project }) => isOwn || this.#sees(org, project)),
    )
    this.waiting.put({ type: 'sessions', sessions: [...this.#sessions.values()].flat() })
  }

  /** The event does not say of which project the document is. */
  #takeVersion(event: Extract<HubEvent, { type: 'versions' }>): void {
    const { access, log } = this.#parts
    access
      .find(this.#ask.who, { kind: 'document', id: event.document })
      .then(place => place?.rights.has('read') && !this.#stopped && this.waiting.put(event))
      .catch((error: unknown) => log.warn({ err: error }, 'an event of a shared document was not told'))
  }
}
