/**
 * The tables of the hub. SQL that SQLite and PostgreSQL both understand; `org_id` is on every table; times are
 * milliseconds since 1970. A migration, once released, is never edited: a change is a new one below.
 */
import type { Schema } from '@meshbook/relay/sql/tx.ts'

const migrations: readonly string[] = [
  `CREATE TABLE orgs (org_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL);
  CREATE TABLE users (org_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL, PRIMARY KEY (org_id, user_id));

  CREATE TABLE sign_in_links (org_id TEXT NOT NULL, user_id TEXT NOT NULL, hash TEXT NOT NULL PRIMARY KEY, expires_at BIGINT NOT NULL);
  CREATE TABLE browser_sessions (org_id TEXT NOT NULL, user_id TEXT NOT NULL, browser_session_id TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
  CREATE TABLE tokens (org_id TEXT NOT NULL, user_id TEXT NOT NULL, token_id TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, scopes TEXT NOT NULL, created_at BIGINT NOT NULL);
  CREATE TABLE tickets (org_id TEXT NOT NULL, user_id TEXT NOT NULL, ticket_id TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL UNIQUE, issuer TEXT NOT NULL, project_id TEXT NOT NULL, document_id TEXT, scope TEXT NOT NULL, first_use_before BIGINT NOT NULL, expires_at BIGINT NOT NULL, bound_to TEXT);
  CREATE INDEX tickets_by_issuer ON tickets (org_id, issuer);

  CREATE TABLE devices (org_id TEXT NOT NULL, user_id TEXT NOT NULL, device_id TEXT NOT NULL PRIMARY KEY, public_key TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, os TEXT NOT NULL, runtimes TEXT NOT NULL, projects TEXT NOT NULL, created_at BIGINT NOT NULL, last_seen_at BIGINT NOT NULL, revoked_at BIGINT);

  CREATE TABLE projects (org_id TEXT NOT NULL, project_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, tree_id TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL, UNIQUE (org_id, name));
  CREATE TABLE documents (org_id TEXT NOT NULL, document_id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, path TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
  CREATE INDEX documents_by_project ON documents (org_id, project_id, path);

  CREATE TABLE sessions (org_id TEXT NOT NULL, session_id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, language TEXT NOT NULL, name TEXT NOT NULL, fence BIGINT NOT NULL, created_at BIGINT NOT NULL, UNIQUE (org_id, project_id, language, name));
  CREATE TABLE heads (org_id TEXT NOT NULL, head_id TEXT NOT NULL PRIMARY KEY, session_id TEXT NOT NULL, device_id TEXT NOT NULL, fence BIGINT NOT NULL, kernel TEXT, expires_at BIGINT NOT NULL, created_at BIGINT NOT NULL, ended_at BIGINT, end_reason TEXT);
  CREATE INDEX heads_by_session ON heads (org_id, session_id, ended_at);
  CREATE INDEX heads_by_device ON heads (org_id, device_id, ended_at);

  CREATE TABLE runs (org_id TEXT NOT NULL, run_id TEXT NOT NULL, arrival BIGINT NOT NULL, kind TEXT NOT NULL, project_id TEXT NOT NULL, document_id TEXT NOT NULL, session_id TEXT NOT NULL, language TEXT NOT NULL, code TEXT NOT NULL, code_hash TEXT NOT NULL, cell TEXT, requested_by TEXT NOT NULL, requested_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, chosen_device TEXT, status TEXT NOT NULL, state TEXT NOT NULL, seq BIGINT NOT NULL, log_bytes BIGINT NOT NULL, fence BIGINT, head_id TEXT, device_id TEXT, started_at BIGINT, ended_at BIGINT, duration_ms BIGINT, reasons TEXT NOT NULL, error TEXT, cancel_reason TEXT, PRIMARY KEY (org_id, run_id));
  CREATE UNIQUE INDEX runs_by_arrival ON runs (org_id, arrival);
  CREATE INDEX runs_of_session ON runs (org_id, session_id, status, arrival);
  CREATE INDEX runs_by_status ON runs (status, expires_at);
  CREATE TABLE run_events (org_id TEXT NOT NULL, run_id TEXT NOT NULL, seq BIGINT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (org_id, run_id, seq));

  CREATE TABLE assets (org_id TEXT NOT NULL, asset_id TEXT NOT NULL, bytes BIGINT NOT NULL, mime_type TEXT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (org_id, asset_id));`,

  // An asset's bytes get a name of their own for each upload, so that deleting old ones never meets new ones (AG4).
  `ALTER TABLE assets ADD COLUMN object TEXT NOT NULL DEFAULT '';
  ALTER TABLE assets ADD COLUMN unreferenced_at BIGINT;
  UPDATE assets SET object = substr(asset_id, 8, 2) || '/' || substr(asset_id, 8);
  CREATE TABLE asset_totals (org_id TEXT NOT NULL PRIMARY KEY, bytes BIGINT NOT NULL);
  INSERT INTO asset_totals (org_id, bytes) SELECT org_id, SUM(bytes) FROM assets GROUP BY org_id;
  CREATE INDEX assets_by_object ON assets (object);
  CREATE INDEX assets_unreferenced ON assets (org_id, unreferenced_at);
  CREATE TABLE asset_uploads (org_id TEXT NOT NULL, user_id TEXT NOT NULL, asset_id TEXT NOT NULL, upload_id TEXT NOT NULL UNIQUE, object TEXT NOT NULL, total BIGINT, received BIGINT NOT NULL, touched_at BIGINT NOT NULL, PRIMARY KEY (org_id, user_id, asset_id));
  CREATE INDEX asset_uploads_by_asset ON asset_uploads (org_id, asset_id);
  CREATE TABLE asset_removals (org_id TEXT NOT NULL, object TEXT NOT NULL, removed_at BIGINT NOT NULL, PRIMARY KEY (org_id, object));
  CREATE TABLE asset_references (org_id TEXT NOT NULL, holder TEXT NOT NULL, asset_id TEXT NOT NULL, PRIMARY KEY (org_id, holder, asset_id));
  CREATE INDEX asset_references_by_asset ON asset_references (org_id, asset_id);
  CREATE TABLE asset_scans (org_id TEXT NOT NULL, holder TEXT NOT NULL, epoch BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (org_id, holder));`,

  // What the router is told: a device's policy, what a run demands of a device, and how long the same code took before.
  `ALTER TABLE devices ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE runs ADD COLUMN demands TEXT NOT NULL DEFAULT '{}';
  CREATE INDEX runs_of_code ON runs (org_id, document_id, code_hash, arrival);`,

  // Who may do what in a project of somebody else, and what was done.
  `CREATE TABLE members (org_id TEXT NOT NULL, project_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL, member_org TEXT NOT NULL, added_at BIGINT NOT NULL, added_by TEXT NOT NULL, PRIMARY KEY (org_id, project_id, user_id, role));
  CREATE INDEX projects_by_owner ON projects (owner, name);
  CREATE INDEX members_by_user ON members (member_org, user_id);
  CREATE TABLE member_invitations (org_id TEXT NOT NULL, project_id TEXT NOT NULL, email TEXT NOT NULL, roles TEXT NOT NULL, added_at BIGINT NOT NULL, added_by TEXT NOT NULL, PRIMARY KEY (org_id, project_id, email));
  CREATE INDEX member_invitations_by_email ON member_invitations (email);
  CREATE TABLE audit (org_id TEXT NOT NULL, audit_id TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, user_id TEXT, user_name TEXT, credential TEXT, action TEXT NOT NULL, target TEXT, detail TEXT NOT NULL, address TEXT, request_id TEXT);
  CREATE INDEX audit_by_org ON audit (org_id, audit_id);
  CREATE INDEX audit_by_time ON audit (at);
  ALTER TABLE runs ADD COLUMN asked_org TEXT;
  ALTER TABLE runs ADD COLUMN asked_by TEXT;
  CREATE INDEX runs_by_asker ON runs (org_id, project_id, asked_by, status);
  CREATE INDEX runs_by_device ON runs (device_id, status);
  CREATE INDEX heads_of_device ON heads (device_id, ended_at);`,

  // People: what they sign in with, and attempts to (AU1 and on). An attempt belongs to no org yet.
  `CREATE TABLE identities (org_id TEXT NOT NULL, user_id TEXT NOT NULL, identity_id TEXT NOT NULL PRIMARY KEY, provider TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL, label TEXT NOT NULL, email TEXT, created_at BIGINT NOT NULL, last_used_at BIGINT NOT NULL, UNIQUE (provider, issuer, subject));
  CREATE INDEX identities_by_user ON identities (org_id, user_id);
  CREATE TABLE passkeys (org_id TEXT NOT NULL, user_id TEXT NOT NULL, passkey_id TEXT NOT NULL PRIMARY KEY, credential_id TEXT NOT NULL UNIQUE, public_key TEXT NOT NULL, counter BIGINT NOT NULL, transports TEXT NOT NULL, domain TEXT NOT NULL, synced BIGINT NOT NULL, name TEXT NOT NULL, created_at BIGINT NOT NULL, last_used_at BIGINT);
  CREATE INDEX passkeys_by_user ON passkeys (org_id, user_id);
  CREATE TABLE invitations (org_id TEXT NOT NULL, user_id TEXT NOT NULL, invitation_id TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL UNIQUE, note TEXT NOT NULL, grants TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_by TEXT);
  CREATE TABLE sign_in_attempts (org_id TEXT NOT NULL, hash TEXT NOT NULL PRIMARY KEY, purpose TEXT NOT NULL, data TEXT NOT NULL, expires_at BIGINT NOT NULL);
  CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (expires_at);
  ALTER TABLE browser_sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';`,

  // How devices come to belong to a user and stay so (PR1…). A grant belongs to nobody (org_id '') until it is approved.
  `ALTER TABLE devices ADD COLUMN seal_key TEXT;
  ALTER TABLE devices ADD COLUMN seal_proof TEXT;
  ALTER TABLE devices ADD COLUMN token_hash TEXT;
  ALTER TABLE devices ADD COLUMN token_before TEXT;
  ALTER TABLE devices ADD COLUMN token_proved_at BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE devices ADD COLUMN revoked_why TEXT;
  ALTER TABLE tokens ADD COLUMN device_id TEXT;
  CREATE INDEX tokens_by_device ON tokens (org_id, device_id);
  CREATE TABLE pairings (org_id TEXT NOT NULL, user_id TEXT NOT NULL, pairing_id TEXT NOT NULL PRIMARY KEY, code_hash TEXT NOT NULL UNIQUE, claim_hash TEXT UNIQUE, issuer TEXT NOT NULL, state TEXT NOT NULL, digit_tries BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, name TEXT, kind TEXT, public_key TEXT, seal_key TEXT, seal_proof TEXT, digits TEXT, device_id TEXT);
  CREATE TABLE device_grants (org_id TEXT NOT NULL, user_id TEXT NOT NULL, code_hash TEXT NOT NULL PRIMARY KEY, user_code_hash TEXT UNIQUE, state TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, interval_ms BIGINT NOT NULL, polled_at BIGINT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, public_key TEXT NOT NULL, seal_key TEXT NOT NULL, seal_proof TEXT NOT NULL, redirect_uri TEXT, challenge TEXT);
  CREATE TABLE owner_keys (org_id TEXT NOT NULL, user_id TEXT NOT NULL, version BIGINT NOT NULL, key_id TEXT NOT NULL, made_by TEXT NOT NULL, created_at BIGINT NOT NULL, rotate BIGINT NOT NULL, PRIMARY KEY (org_id, user_id, version));
  CREATE TABLE owner_key_copies (org_id TEXT NOT NULL, user_id TEXT NOT NULL, version BIGINT NOT NULL, recipient TEXT NOT NULL, seal_key TEXT, sealed TEXT NOT NULL, made_by TEXT NOT NULL, by_key TEXT NOT NULL, signature TEXT NOT NULL, PRIMARY KEY (org_id, user_id, version, recipient));`,
  // Gates; runs that ask whether they are still wanted, that repeat others, and whose logs have expired.
  `CREATE TABLE gates (org_id TEXT NOT NULL, gate_id TEXT NOT NULL, run_id TEXT NOT NULL, state TEXT NOT NULL, title TEXT NOT NULL, shown TEXT, digest TEXT NOT NULL, nonce TEXT NOT NULL, deciders TEXT, opened_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, decided_by TEXT, decided_at BIGINT, comment TEXT, received_at BIGINT, PRIMARY KEY (org_id, gate_id));
  CREATE INDEX gates_of_run ON gates (org_id, run_id);
  CREATE INDEX gates_by_state ON gates (state, expires_at);
  ALTER TABLE runs ADD COLUMN asks TEXT;
  ALTER TABLE runs ADD COLUMN asks_since BIGINT;
  ALTER TABLE runs ADD COLUMN asked_at BIGINT;
  ALTER TABLE runs ADD COLUMN confirmed_at BIGINT;
  ALTER TABLE runs ADD COLUMN again_of TEXT;
  ALTER TABLE runs ADD COLUMN afterwards TEXT;
  ALTER TABLE runs ADD COLUMN log_expired_at BIGINT;
  ALTER TABLE runs ADD COLUMN result TEXT;
  CREATE INDEX runs_again ON runs (org_id, again_of);
  CREATE INDEX runs_logged ON runs (log_expired_at, ended_at);
  CREATE INDEX runs_of_project ON runs (org_id, project_id, log_expired_at, ended_at);`,
  // Several hubs on one database: who has a device's channel, what waits for it, and what changed.
  `CREATE TABLE presence (org_id TEXT NOT NULL, device_id TEXT NOT NULL PRIMARY KEY, hub_id TEXT NOT NULL, channel TEXT NOT NULL, status TEXT NOT NULL, connected_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, facts TEXT NOT NULL);
  CREATE TABLE hub_beats (org_id TEXT NOT NULL, hub_id TEXT NOT NULL PRIMARY KEY, beat_at BIGINT NOT NULL);
  CREATE TABLE orders (org_id TEXT NOT NULL, recipient TEXT NOT NULL, number BIGINT NOT NULL, message TEXT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (org_id, recipient, number));
  CREATE TABLE news (org_id TEXT NOT NULL, subject TEXT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (org_id, subject));
  CREATE INDEX news_by_position ON news (position);`,
  "ALTER TABLE devices ADD COLUMN software TEXT NOT NULL DEFAULT '';",

  // How far each hub has closed what was revoked at another (CH10).
  `ALTER TABLE hub_beats ADD COLUMN heard BIGINT NOT NULL DEFAULT 0;`,
  // Runs that a device gave itself: null for others; 0 while it goes on there, then the number of its last event.
  'ALTER TABLE runs ADD COLUMN imported_end BIGINT;',
  // Documents that everybody may read (PB10…), and the addresses that they had before.
  `CREATE TABLE publications (org_id TEXT NOT NULL, document_id TEXT NOT NULL, project_id TEXT NOT NULL, mode TEXT NOT NULL, version BIGINT, indexed BIGINT NOT NULL, entries TEXT, published_by TEXT NOT NULL, published_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, PRIMARY KEY (org_id, document_id));
  CREATE INDEX publications_by_project ON publications (org_id, project_id);
  CREATE TABLE publication_paths (org_id TEXT NOT NULL, project_id TEXT NOT NULL, path TEXT NOT NULL, document_id TEXT NOT NULL, left_at BIGINT NOT NULL, PRIMARY KEY (org_id, project_id, path, document_id));
  CREATE INDEX publication_paths_by_document ON publication_paths (org_id, document_id, left_at);`,
  // Telling people (NT1…): ways to a user, notices of what waits or has ended, and what went which way. Keys are the hub's: org_id ''.
  `CREATE TABLE push_keys (org_id TEXT NOT NULL PRIMARY KEY, public_key TEXT NOT NULL, private_key TEXT NOT NULL, created_at BIGINT NOT NULL);
  CREATE TABLE ways (org_id TEXT NOT NULL, user_id TEXT NOT NULL, way_id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, inside BIGINT NOT NULL, p256dh TEXT, auth TEXT, topic TEXT, secret TEXT, credential TEXT NOT NULL, created_at BIGINT NOT NULL, accepted_at BIGINT, confirmed_at BIGINT, failed_at BIGINT, failure TEXT, failure_detail TEXT);
  CREATE INDEX ways_by_user ON ways (org_id, user_id, created_at);
  CREATE INDEX ways_by_url ON ways (url);
  CREATE INDEX ways_by_credential ON ways (credential);
  CREATE TABLE notices (org_id TEXT NOT NULL, user_id TEXT NOT NULL, notice_id TEXT NOT NULL, kind TEXT NOT NULL, places TEXT NOT NULL, subject TEXT NOT NULL, tag TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, url TEXT NOT NULL, made_at BIGINT NOT NULL, due_at BIGINT NOT NULL, state TEXT NOT NULL, told_at BIGINT, only_ways TEXT, outcome TEXT, PRIMARY KEY (org_id, notice_id));
  CREATE INDEX notices_due ON notices (state, due_at);
  CREATE INDEX notices_by_tag ON notices (tag);
  CREATE INDEX notices_by_user ON notices (org_id, user_id, state, due_at);
  CREATE INDEX notices_by_age ON notices (made_at);
  CREATE TABLE deliveries (org_id TEXT NOT NULL, user_id TEXT NOT NULL, notice_id TEXT NOT NULL, way_id TEXT NOT NULL, state TEXT NOT NULL, attempts BIGINT NOT NULL, due_at BIGINT NOT NULL, receipt_hash TEXT UNIQUE, accepted_at BIGINT, confirmed_at BIGINT, failed_at BIGINT, failure TEXT, failure_detail TEXT, PRIMARY KEY (org_id, notice_id, way_id));
  CREATE INDEX deliveries_due ON deliveries (state, due_at);
  CREATE INDEX deliveries_by_way ON deliveries (org_id, way_id);
  CREATE TABLE notify_settings (org_id TEXT NOT NULL, user_id TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (org_id, user_id));
  ALTER TABLE browser_sessions ADD COLUMN looks_until BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE runs ADD COLUMN asked_from TEXT;`,
  // Workers (CP10…): devices that the hub makes for a project. What it may restore with is sealed; its own keys have org_id ''.
  `CREATE TABLE workers (org_id TEXT NOT NULL, worker_id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, project_id TEXT NOT NULL, hub TEXT NOT NULL, state TEXT NOT NULL, token_hash TEXT UNIQUE, device_id TEXT, has_keys BIGINT NOT NULL, created_at BIGINT NOT NULL, used_at BIGINT NOT NULL, UNIQUE (org_id, project_id));
  CREATE INDEX workers_by_device ON workers (device_id);
  CREATE TABLE compute_keys (org_id TEXT NOT NULL PRIMARY KEY, sealed TEXT NOT NULL, created_at BIGINT NOT NULL);
  CREATE TABLE restoring_keys (org_id TEXT NOT NULL, user_id TEXT NOT NULL, version BIGINT NOT NULL, sealed TEXT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (org_id, user_id, version));`,
  // Records of saved sessions (HS10…).
  `CREATE TABLE snapshots (org_id TEXT NOT NULL, snapshot_id TEXT NOT NULL PRIMARY KEY, session_id TEXT NOT NULL, head_id TEXT NOT NULL, fence BIGINT NOT NULL, device_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT, as_of TEXT NOT NULL, as_of_at BIGINT NOT NULL, as_of_run TEXT, fit TEXT NOT NULL, inside TEXT NOT NULL, lost TEXT NOT NULL, bytes BIGINT NOT NULL, added_bytes BIGINT NOT NULL, pause_ms DOUBLE PRECISION NOT NULL, key_version BIGINT NOT NULL, manifest TEXT NOT NULL, stored_at BIGINT NOT NULL, refused TEXT);
  CREATE INDEX snapshots_of_session ON snapshots (session_id, as_of_at);`,
  // Sessions that go on elsewhere (MV1…). Of a head: what it begins with, what it began with, how it is saved; and, where
  // the session went on without it, of when the state was that went on, and what its device still has (MV30).
  `ALTER TABLE devices ADD COLUMN restores TEXT;
  ALTER TABLE sessions ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE sessions ADD COLUMN home TEXT;
  CREATE INDEX sessions_by_home ON sessions (home);
  ALTER TABLE heads ADD COLUMN restore TEXT;
  ALTER TABLE heads ADD COLUMN restored TEXT;
  ALTER TABLE heads ADD COLUMN saving TEXT;
  ALTER TABLE heads ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE heads ADD COLUMN left_state TEXT;
  ALTER TABLE heads ADD COLUMN left_base BIGINT;
  ALTER TABLE heads ADD COLUMN left_ask TEXT;
  ALTER TABLE heads ADD COLUMN left_look_at BIGINT;
  CREATE INDEX heads_left ON heads (left_state, left_look_at);
  ALTER TABLE runs ADD COLUMN elsewhere BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE runs ADD COLUMN resume_seq BIGINT;
  CREATE TABLE moves (org_id TEXT NOT NULL, move_id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, session_id TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, makes TEXT, makes_name TEXT, from_device TEXT, to_device TEXT, chosen BIGINT NOT NULL, head_id TEXT, head_fence BIGINT, kinds TEXT, name TEXT, snapshot_id TEXT, kept_id TEXT, restore TEXT, new_head TEXT, new_fence BIGINT, kernel TEXT, code TEXT, detail TEXT, asked_by TEXT NOT NULL, asked_org TEXT, asked_user TEXT, asked_at BIGINT NOT NULL, told_at BIGINT, ended_at BIGINT, over_told BIGINT NOT NULL DEFAULT 0);
  CREATE INDEX moves_by_state ON moves (state, over_told);
  CREATE INDEX moves_of_session ON moves (org_id, session_id, asked_at);
  CREATE INDEX moves_by_new_head ON moves (new_head);`,
  // Parts of saved sessions (HS1…): what an org has, how many records name each, and bytes that are on their way.
  `ALTER TABLE snapshots ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE snapshots ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
  CREATE INDEX snapshots_by_org ON snapshots (org_id);
  CREATE TABLE snapshot_parts (org_id TEXT NOT NULL, part_id TEXT NOT NULL, bytes BIGINT NOT NULL, sha256 TEXT NOT NULL, object TEXT NOT NULL, uses BIGINT NOT NULL, touched_at BIGINT NOT NULL, doubted BIGINT NOT NULL, PRIMARY KEY (org_id, part_id));
  CREATE INDEX snapshot_parts_unused ON snapshot_parts (org_id, uses, touched_at);
  CREATE TABLE snapshot_totals (org_id TEXT NOT NULL PRIMARY KEY, bytes BIGINT NOT NULL);
  CREATE TABLE snapshot_arrivals (org_id TEXT NOT NULL, object TEXT NOT NULL, begun_at BIGINT NOT NULL, PRIMARY KEY (org_id, object));`,
  // Agent tasks (TK1…): each is a run as well. `hub` has it, with a worker or, at its end, without.
  `CREATE TABLE tasks (org_id TEXT NOT NULL, run_id TEXT NOT NULL, repo TEXT NOT NULL, base TEXT, branch TEXT NOT NULL, agent TEXT NOT NULL, model TEXT NOT NULL, budget TEXT NOT NULL, tools TEXT NOT NULL, pull_request BIGINT NOT NULL, from_task TEXT, from_turn BIGINT NOT NULL, state TEXT NOT NULL, wish TEXT, answer TEXT, base_commit TEXT, hub TEXT, worker_id TEXT UNIQUE, worker_hash TEXT, worker_since BIGINT, replaced BIGINT NOT NULL, PRIMARY KEY (org_id, run_id));
  CREATE INDEX tasks_by_hub ON tasks (hub);
  CREATE TABLE task_messages (org_id TEXT NOT NULL, run_id TEXT NOT NULL, message_id TEXT NOT NULL, number BIGINT NOT NULL, said_by TEXT NOT NULL, said_at BIGINT NOT NULL, text TEXT NOT NULL, heard_at BIGINT, PRIMARY KEY (org_id, run_id, message_id));`,
  // The vault (VA1…): values sealed with data keys of orgs, which are sealed with the master key.
  `CREATE TABLE vault_data_keys (org_id TEXT NOT NULL, version BIGINT NOT NULL, wrapped TEXT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (org_id, version));
  CREATE TABLE vault_keys (org_id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, good_at TEXT, inside BIGINT NOT NULL, ends TEXT NOT NULL, version BIGINT NOT NULL, sealed TEXT NOT NULL, created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, used_at BIGINT, PRIMARY KEY (org_id, name));`,
  // Calls of models (GW20…): what may be spent and what is held, and the ledger.
  `CREATE TABLE model_budgets (org_id TEXT NOT NULL, holder TEXT NOT NULL, user_id TEXT NOT NULL, cap_usd BIGINT, cap_tokens BIGINT, spent_usd BIGINT NOT NULL, spent_tokens BIGINT NOT NULL, held_usd BIGINT NOT NULL, held_tokens BIGINT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (org_id, holder));
  CREATE TABLE model_calls (org_id TEXT NOT NULL, call_id TEXT NOT NULL, holder TEXT NOT NULL, user_id TEXT NOT NULL, run_id TEXT, token_id TEXT, provider TEXT NOT NULL, model TEXT NOT NULL, price TEXT NOT NULL, hub TEXT NOT NULL, state TEXT NOT NULL, held_input BIGINT NOT NULL, held_output BIGINT NOT NULL, held_usd BIGINT NOT NULL, input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL, micro_usd BIGINT NOT NULL, began_at BIGINT NOT NULL, ended_at BIGINT, PRIMARY KEY (org_id, call_id));
  CREATE INDEX model_calls_by_time ON model_calls (org_id, began_at);
  CREATE INDEX model_calls_of_run ON model_calls (org_id, run_id);
  CREATE INDEX model_calls_by_state ON model_calls (state, hub);`,
  // Hooks (GT60…): what starts tasks from elsewhere; their secrets are sealed. What was delivered is known for a while.
  `CREATE TABLE hooks (org_id TEXT NOT NULL, user_id TEXT NOT NULL, hook_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, project_id TEXT NOT NULL, repo TEXT NOT NULL, rules TEXT NOT NULL, sealed TEXT NOT NULL, created_at BIGINT NOT NULL, rotated_at BIGINT NOT NULL, last_at BIGINT, last_outcome TEXT);
  CREATE INDEX hooks_by_user ON hooks (org_id, user_id, created_at);
  CREATE TABLE hook_deliveries (org_id TEXT NOT NULL, hook_id TEXT NOT NULL, digest TEXT NOT NULL, delivery TEXT NOT NULL, task_id TEXT, at BIGINT NOT NULL, PRIMARY KEY (org_id, hook_id, digest));
  CREATE INDEX hook_deliveries_by_number ON hook_deliveries (org_id, hook_id, delivery);
  CREATE INDEX hook_deliveries_by_age ON hook_deliveries (org_id, hook_id, at);`,
  // What became of the last deliveries of a hook (GT66), hooks that are off, and how long a project keeps its logs (RU43).
  `ALTER TABLE hooks ADD COLUMN off_at BIGINT;
  CREATE TABLE hook_outcomes (org_id TEXT NOT NULL, hook_id TEXT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, outcome TEXT NOT NULL, task_id TEXT, reason TEXT, PRIMARY KEY (org_id, hook_id, number));
  ALTER TABLE projects ADD COLUMN log_days BIGINT;
  CREATE INDEX tasks_by_origin ON tasks (org_id, from_task);`,
  // Cells that agents ask for (TK50…): one for each tool call, and each agreement for one of them.
  `CREATE TABLE task_cells (org_id TEXT NOT NULL, run_id TEXT NOT NULL, call_id TEXT NOT NULL, cell_run TEXT NOT NULL, gate_id TEXT, digest TEXT NOT NULL, asked_at BIGINT NOT NULL, ends_at BIGINT NOT NULL, going BIGINT NOT NULL, PRIMARY KEY (org_id, run_id, call_id), UNIQUE (org_id, gate_id));
  CREATE INDEX task_cells_by_end ON task_cells (going, ends_at);`,
  // Budgets of months (GW50…). A call remembers its project, so that the ledger outlives its run.
  `ALTER TABLE model_calls ADD COLUMN project_id TEXT;
  UPDATE model_calls SET project_id = (SELECT r.project_id FROM runs r WHERE r.org_id = model_calls.org_id AND r.run_id = model_calls.run_id) WHERE run_id IS NOT NULL;
  CREATE INDEX runs_by_request ON runs (org_id, requested_at);
  CREATE TABLE month_budgets (org_id TEXT NOT NULL, scope TEXT NOT NULL, cap_usd BIGINT NOT NULL, set_at BIGINT NOT NULL, PRIMARY KEY (org_id, scope));
  CREATE TABLE month_spending (org_id TEXT NOT NULL, scope TEXT NOT NULL, month TEXT NOT NULL, spent_usd BIGINT NOT NULL, held_usd BIGINT NOT NULL, told BIGINT NOT NULL, PRIMARY KEY (org_id, scope, month));`,
  // Ways whose addresses are sealed (NT16), mail addresses that await a code, and how many codes were sent (NT31).
  `ALTER TABLE ways ADD COLUMN sealed TEXT;
  ALTER TABLE ways ADD COLUMN shown TEXT;
  ALTER TABLE ways ADD COLUMN code_notice TEXT;
  ALTER TABLE ways ADD COLUMN code_until BIGINT;
  ALTER TABLE ways ADD COLUMN code_tries BIGINT NOT NULL DEFAULT 0;
  CREATE TABLE mail_codes (org_id TEXT NOT NULL, user_id TEXT NOT NULL, notice_id TEXT NOT NULL, mark TEXT NOT NULL, sent_at BIGINT NOT NULL, PRIMARY KEY (org_id, notice_id));
  CREATE INDEX mail_codes_by_user ON mail_codes (org_id, user_id, sent_at);
  CREATE INDEX mail_codes_by_mark ON mail_codes (mark, sent_at);`,
  // Runs of workflows (WQ1…): each is a run as well. `due_at`: null while it only waits, the end of its lease while held.
  `CREATE TABLE workflow_definitions (org_id TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (org_id, hash));
  CREATE TABLE workflow_runs (org_id TEXT NOT NULL, run_id TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, opening TEXT NOT NULL, is_open BIGINT NOT NULL, due_at BIGINT, executor TEXT, fence BIGINT NOT NULL, inbox BIGINT NOT NULL, woken BIGINT NOT NULL, waits TEXT NOT NULL, PRIMARY KEY (org_id, run_id));
  CREATE INDEX workflow_runs_due ON workflow_runs (due_at);
  CREATE INDEX workflow_runs_held ON workflow_runs (executor);
  CREATE INDEX workflow_runs_open ON workflow_runs (org_id, is_open);
  CREATE TABLE workflow_inbox (org_id TEXT NOT NULL, run_id TEXT NOT NULL, inbox BIGINT NOT NULL, item_key TEXT, item TEXT NOT NULL, PRIMARY KEY (org_id, run_id, inbox), UNIQUE (org_id, run_id, item_key));
  CREATE TABLE workflow_places (org_id TEXT NOT NULL, place_key TEXT NOT NULL, run_id TEXT NOT NULL, number BIGINT NOT NULL, is_in BIGINT NOT NULL, PRIMARY KEY (org_id, place_key, run_id));
  CREATE INDEX workflow_places_by_run ON workflow_places (org_id, run_id);
  CREATE TABLE workflow_checkpoints (org_id TEXT NOT NULL, run_id TEXT NOT NULL, seq BIGINT NOT NULL, version BIGINT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (org_id, run_id));
  ALTER TABLE gates ADD COLUMN choices TEXT;
  ALTER TABLE gates ADD COLUMN form TEXT;`,
  // What starts runs of workflows (WQ60…), ends of runs and changes of files that wait for it, and what started a run.
  // What was delivered to webhooks and what became of events stands in the tables of hooks.
  `CREATE TABLE workflow_triggers (org_id TEXT NOT NULL, trigger_id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, file TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, children TEXT NOT NULL, starts TEXT NOT NULL, made_org TEXT NOT NULL, made_user TEXT NOT NULL, made_by TEXT NOT NULL, enabled BIGINT NOT NULL, revision BIGINT NOT NULL, created_at BIGINT NOT NULL, pinned_at BIGINT NOT NULL, settled_at BIGINT NOT NULL, next_at BIGINT, UNIQUE (org_id, project_id, file, kind));
  CREATE INDEX workflow_triggers_due ON workflow_triggers (next_at);
  CREATE TABLE workflow_ends (org_id TEXT NOT NULL, trigger_id TEXT NOT NULL, run_id TEXT NOT NULL, ended_at BIGINT NOT NULL, PRIMARY KEY (org_id, trigger_id, run_id));
  CREATE INDEX workflow_ends_by_age ON workflow_ends (ended_at);
  CREATE TABLE workflow_changes (org_id TEXT NOT NULL, trigger_id TEXT NOT NULL, device TEXT NOT NULL, changes TEXT NOT NULL, due_at BIGINT NOT NULL, PRIMARY KEY (org_id, trigger_id, device));
  CREATE INDEX workflow_changes_due ON workflow_changes (due_at);
  ALTER TABLE workflow_runs ADD COLUMN trigger_id TEXT;
  ALTER TABLE workflow_runs ADD COLUMN chain BIGINT NOT NULL DEFAULT 0;
  CREATE INDEX workflow_runs_by_trigger ON workflow_runs (org_id, trigger_id, run_id);`,
]

/** Every table: all have the org of each row. */
const guarded = Array.from(migrations.join('; ').matchAll(/CREATE TABLE (\w+) \(/g), ([, name]) => name!)

/** The counter of news is that of all orgs. */
const common = ['news']

/**
 * Members of its projects and those who asked for its runs; and the devices that have worked for it. Each is a look at an
 * index for the one row in question, which a plain EXISTS may not be: a server may gather all rows for it.
 */
const seen = {
  users: `COALESCE((SELECT true FROM members m WHERE m.member_org = users.org_id AND m.user_id = users.user_id AND m.org_id = :org LIMIT 1),
    (SELECT true FROM runs r WHERE r.org_id = :org AND r.asked_org = users.org_id AND r.asked_by = users.user_id LIMIT 1), false)`,
  devices: `COALESCE((SELECT true FROM runs r WHERE r.device_id = devices.device_id AND r.org_id = :org LIMIT 1),
    (SELECT true FROM heads h WHERE h.device_id = devices.device_id AND h.org_id = :org LIMIT 1), false)`,
}

export const schema: Schema = { name: 'hub', migrations, guarded, common, seen }
