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

  // Several hubs on one database: who has a device's channel, what waits for it, and what changed.
  `CREATE TABLE presence (org_id TEXT NOT NULL, device_id TEXT NOT NULL PRIMARY KEY, hub_id TEXT NOT NULL, channel TEXT NOT NULL, status TEXT NOT NULL, connected_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, facts TEXT NOT NULL);
  CREATE TABLE hub_beats (org_id TEXT NOT NULL, hub_id TEXT NOT NULL PRIMARY KEY, beat_at BIGINT NOT NULL);
  CREATE TABLE orders (org_id TEXT NOT NULL, recipient TEXT NOT NULL, number BIGINT NOT NULL, message TEXT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (org_id, recipient, number));
  CREATE TABLE news (org_id TEXT NOT NULL, subject TEXT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (org_id, subject));
  CREATE INDEX news_by_position ON news (position);`,
]

export const schema: Schema = { name: 'hub', migrations }
