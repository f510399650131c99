/** All parts of a running hub by name, as the route handlers and sockets use them. Made once, in `hub.ts`. */
import type { Now, OrgId, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { Seats } from '@meshbook/relay/serve/seats.ts'
import type { SyncRates } from '@meshbook/relay/serve/sync-rates.ts'
import type { AssetCollector } from './assets/asset-collector.ts'
import type { AssetUploads } from './assets/asset-uploads.ts'
import type { Access } from './auth/access.ts'
import type { Accounts } from './auth/accounts.ts'
import type { Audit } from './auth/audit.ts'
import type { Authenticator } from './auth/authenticator.ts'
import type { Memberships } from './auth/memberships.ts'
import type { OpenDoors } from './auth/open-doors.ts'
import type { Passkeys } from './auth/passkeys.ts'
import type { Compute } from './compute/open-compute.ts'
import type { HubConfig } from './config.ts'
import type { DeviceTeller } from './devices/device-teller.ts'
import type { Fleet } from './devices/fleet.ts'
import type { LanGrants } from './devices/lan-grants.ts'
import type { Documents } from './documents/documents.ts'
import type { Gates } from './gates/gates.ts'
import type { Ledger } from './gateway/ledger.ts'
import type { ModelGateway } from './gateway/model-gateway.ts'
import type { Hooks } from './git/hooks.ts'
import type { History } from './history/history.ts'
import type { HubEvents } from './hub-events.ts'
import type { Orders } from './hubs/orders.ts'
import type { OtherHubs } from './hubs/other-hubs.ts'
import type { Presence } from './hubs/presence.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { LeftHeads } from './moves/left-heads.ts'
import type { Moves } from './moves/moves.ts'
import type { Prefetches } from './moves/prefetches.ts'
import type { RestoreProgress } from './moves/restore-progress.ts'
import type { SavedSessions } from './moves/saved-sessions.ts'
import type { PushKeyPair } from './notify/push-key.ts'
import type { Ways } from './notify/ways.ts'
import type { ObjectStore } from './objects/object-store.ts'
import type { HtmlExports } from './publish/html-exports.ts'
import type { Publications } from './publish/publications.ts'
import type { PublishedPages } from './publish/published-pages.ts'
import type { RequestRates } from './rates/request-rates.ts'
import type { Claims } from './runs/claims.ts'
import type { Imports } from './runs/imports.ts'
import type { LostRuns } from './runs/lost-runs.ts'
import type { Repeats } from './runs/repeats.ts'
import type { RunFeeds } from './runs/run-feeds.ts'
import type { Runs } from './runs/runs.ts'
import type { SessionControl } from './runs/session-control.ts'
import type { SessionRequests } from './runs/session-requests.ts'
import type { Snapshots } from './snapshots/snapshots.ts'
import type { HubStore } from './store/hub-store.ts'
import type { OpenTasks } from './tasks/open-tasks.ts'
import type { Tasks } from './tasks/tasks.ts'
import type { Vault } from './vault/vault.ts'
import type { OpenWorkflows } from './workflows/open-workflows.ts'
import type { Triggers } from './workflows/triggers.ts'
import type { Webhooks } from './workflows/webhooks.ts'
import type { Workflows } from './workflows/workflows.ts'

export interface Parts {
  config: HubConfig
  /** The version of this Meshbook. */
  version: string
  /** Under which browsers reach the hub; known once it listens. */
  url(): string
  now: Now
  random: RandomBytes
  log: Log
  times: Limits
  metrics: Metrics
  store: HubStore
  authenticator: Authenticator
  access: Access
  audit: Audit
  memberships: Memberships
  accounts: Accounts
  passkeys: Passkeys
  doors: OpenDoors
  /** How often may be asked over HTTP. */
  requestRates: RequestRates
  /** How fast sockets of documents may bring. */
  rates: SyncRates
  seats: Seats
  events: HubEvents
  fleet: Fleet
  /** Who may connect with whom on a network of their own. */
  lan: LanGrants
  deviceTeller: Pick<DeviceTeller, 'welcome'>
  presence: Presence
  tasks: Tasks
  /** What starts tasks from elsewhere. */
  hooks: Hooks
  openTasks: OpenTasks
  workflows: Workflows
  triggers: Triggers
  webhooks: Webhooks
  openWorkflows: OpenWorkflows
  /** Ends what tasks need beside the store. */
  closeWork(): Promise<void>
  /** Workers in containers, and what they may restore. */
  compute: Compute
  orders: Orders
  /** Absent where nobody else has the database. */
  others: OtherHubs | undefined
  feeds: RunFeeds
  runs: Runs
  /** Runs that somebody wants again, or still. */
  repeats: Repeats
  gates: Gates
  sessionRequests: SessionRequests
  sessionControl: SessionControl
  /** Sessions that are moved, copied, saved and brought back. */
  moves: Moves
  /** What devices say of saving and restoring. */
  savedSessions: SavedSessions
  leftHeads: LeftHeads
  lostRuns: LostRuns
  prefetches: Prefetches
  restoreProgress: RestoreProgress
  relay: Relay
  documents: Documents
  history: History
  publications: Publications
  /** Of the hub, for push. */
  pushKey: PushKeyPair
  /** How users are told of what waits for them. */
  ways: Ways
  /** What readers of published documents get. */
  pages: PublishedPages
  htmlExports: HtmlExports
  claims: Claims
  imports: Imports
  /** The bytes of assets. */
  objects: ObjectStore
  /** Saved sessions. */
  snapshots: Snapshots
  /** Keys of model providers and git hosts. */
  vault: Vault
  /** Through which programs ask models, and what that costs. */
  gateway: ModelGateway
  ledger: Ledger
  uploads: AssetUploads
  collector: AssetCollector
  /** Tells browsers and devices that sessions of the org came, moved or ended. */
  sessionsOf(org: OrgId, project?: ProjectId): Promise<SessionInfo[]>
  sessionsChanged: (org: OrgId) => void
}
