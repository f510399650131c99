/**
 * Which tables a backup carries, and why. A table that is not named here is carried, so that nothing is lost by an
 * oversight, and fails a test until somebody has thought about it. What becomes of the rows is in `after-restore.ts`.
 */
export interface TableRule {
  kept: boolean
  why: string
}

const kept = (why: string): TableRule => ({ kept: true, why })
const leftOut = (why: string): TableRule => ({ kept: false, why })

export const backupTables: Readonly<Record<string, TableRule>> = {
  relay_documents: kept('epochs and positions of documents; epochs stay, so that clients bring their newer edits'),
  relay_snapshots: kept('content of documents'),
  relay_updates: kept('content of documents'),

  history_versions: kept('versions of documents, with who wrote them'),
  history_texts: kept('texts of versions'),
  history_assets: kept('which assets the texts of versions show'),
  history_intents: kept('undos that were asked for, so that one that is asked for again is done once'),

  orgs: kept('owners of everything; devices and links name their ids'),
  users: kept('who may sign in'),
  sign_in_links: leftOut('good for minutes; a link that was used since would be good again'),
  browser_sessions: leftOut('a browser that signed out since would be signed in again; signing in is one link'),
  tokens: kept('hashes; devices and scripts go on with the tokens they have'),
  identities: kept('whom OIDC and GitHub sign in as whom'),
  passkeys: kept('public keys; people sign in as before'),
  invitations: kept('hashes; who was invited can still come, for as long as was said'),
  sign_in_attempts: leftOut('good for minutes, and once'),
  tickets: leftOut('bound to sessions that are left out, and renewed by their holders'),
  devices: kept('public keys; devices come back without being paired again'),
  pairings: leftOut('good for two minutes'),
  device_grants: leftOut('good for minutes; one that was used since would be good again'),
  owner_keys: kept('versions of the key that the sessions of a user are sealed with'),
  owner_key_copies: kept('copies that only devices and the recovery key can open; nobody else has them'),

  members: kept('who may do what in which project'),
  member_invitations: kept('who was invited; an address that is shown later still counts'),
  audit: kept('what was done, and by whom'),

  presence: leftOut('who is connected now; devices connect again after a restore'),
  hub_beats: leftOut('which hubs run now'),
  orders: leftOut('what was under way between hubs; whoever asked has an answer by then or asks again'),
  news: leftOut('hints between running hubs; they begin with a look at everything'),

  publications: kept('what everybody may read; a page that was published is so after a restore'),
  publication_paths: kept('addresses that published documents had before'),

  projects: kept('names and trees'),
  documents: kept('index of the trees; runs name its rows'),

  sessions: kept('names of sessions; their fences are raised'),
  heads: kept('history of heads; those that were live are ended'),
  snapshots: kept('records of saved sessions; without them nobody finds what their parts are'),
  moves: kept('what became of moves; those that were under way fail'),
  runs: kept('history of runs; those that nobody had begun are ended'),
  run_events: kept('logs of runs'),
  gates: kept('what was decided, by whom and about which bytes'),
  tasks: kept('what agents were asked and how far they came; their logs are those of their runs'),
  task_messages: kept('what people said to agents'),
  task_cells: kept('which agreement was used for which run, so that none is used again'),

  workflow_definitions: kept('files of workflows; a run is pinned to the hash of its own'),
  workflow_runs: kept(
    'runs of workflows; those that were under way are ended, since their effects may be known elsewhere',
  ),
  workflow_inbox: kept('what was sent to runs, and by whom'),
  workflow_places: leftOut('places of runs that go on; none does after a restore'),
  workflow_checkpoints: leftOut('made from the logs, and only of runs that go on'),
  workflow_triggers: kept('what starts runs by itself; times up to the restore are settled'),
  workflow_ends: leftOut('ends that were about to start runs; a hub that went on has started them'),
  workflow_changes: leftOut('the same of changed files'),

  workers: leftOut('what runs on one machine now; it is gone or unknown after a restore'),
  compute_keys: leftOut('opens what the next table has, and is made anew'),
  restoring_keys: leftOut('a backup must not hold a way to what only devices can open; restoring is turned on again'),

  vault_data_keys: kept('sealed with the master key, which no backup has (VA30)'),
  vault_keys: kept('sealed values; whoever has the master key too goes on with them'),
  model_budgets: kept('what was spent and what may be'),
  model_calls: kept('the ledger; what was held then is settled at its bound by the next start'),
  month_budgets: kept('what may be spent in a month'),
  month_spending: kept('sums of the ledger for budgets, as of the same moment as it, and what was told of them'),
  hooks: kept('what starts tasks from elsewhere; secrets are sealed with the master key, which is not in the backup'),
  hook_outcomes: kept('what became of the last deliveries'),
  hook_deliveries: kept('what was delivered, so that a replay after a restore starts nothing again'),

  push_keys: kept('subscriptions of browsers are for this key and no other'),
  ways: kept(
    'sealed with the master key, which no backup has; of browsers those are dropped whose sessions are left out',
  ),
  mail_codes: leftOut('how many codes were sent on the day before'),
  notify_settings: kept('what users want to be told'),
  notices: leftOut('what was told is old by then, and telling it again would be wrong'),
  deliveries: leftOut('the same'),

  assets: kept('who may see which asset; the bytes are files beside the tables'),
  asset_references: kept('which documents and runs show an asset, as of the same moment as they'),
  asset_scans: kept('how far documents were read for that'),
  asset_totals: kept('sums of the rows of assets, as of the same moment as they'),
  snapshot_parts: kept('what saved sessions are made of; the bytes are files beside the tables'),
  snapshot_totals: kept('sums of the rows of parts, as of the same moment as they'),
  snapshot_arrivals: leftOut('names bytes that no row has, which are not carried'),

  asset_uploads: leftOut('their bytes have no hash yet and are not carried; a client begins again'),
  asset_removals: leftOut('names bytes that no row has, which are not carried'),
}

export function isKept(table: string): boolean {
  return backupTables[table]?.kept ?? true
}
