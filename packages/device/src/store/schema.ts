/**
 * The tables of a device. `org_id` is on every table; times are milliseconds since 1970. A migration, once released, is
 * never edited: a change is a new one below.
 */
import type { Schema } from '@meshbook/relay/sql/tx.ts'

export const schema: Schema = {
  name: 'device',
  migrations: [
    `CREATE TABLE attachments (org_id TEXT NOT NULL, project_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, tree_id TEXT NOT NULL, folder TEXT NOT NULL UNIQUE, attached_at BIGINT NOT NULL, tree_synced BIGINT NOT NULL);
    CREATE TABLE projections (org_id TEXT NOT NULL, document_id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, path TEXT NOT NULL, client BIGINT NOT NULL, version BIGINT NOT NULL, before_text TEXT, before_snapshot BLOB, base_text TEXT NOT NULL, base_snapshot BLOB, merge_update BLOB, inode TEXT, gone BIGINT NOT NULL);
    CREATE INDEX projections_by_project ON projections (org_id, project_id);
    CREATE TABLE held_runs (org_id TEXT NOT NULL, run_id TEXT NOT NULL PRIMARY KEY, lease TEXT NOT NULL, acked_seq BIGINT NOT NULL, reported BIGINT NOT NULL, projected BIGINT NOT NULL, failure TEXT);
    CREATE TABLE asset_uploads (org_id TEXT NOT NULL, asset_id TEXT NOT NULL PRIMARY KEY, mime_type TEXT NOT NULL, queued_at BIGINT NOT NULL);`,
    `ALTER TABLE projections ADD COLUMN past TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE projections ADD COLUMN stamp TEXT;
    ALTER TABLE projections ADD COLUMN position BIGINT NOT NULL DEFAULT 0;`,
    `CREATE TABLE asset_files (org_id TEXT NOT NULL, entry_id TEXT NOT NULL PRIMARY KEY, project_id TEXT NOT NULL, path TEXT NOT NULL, stamp TEXT, asset_id TEXT, own BIGINT NOT NULL);
    CREATE INDEX asset_files_by_project ON asset_files (org_id, project_id);`,
    `CREATE TABLE hub_texts (org_id TEXT NOT NULL, document_id TEXT NOT NULL, epoch BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (org_id, document_id));
    CREATE TABLE epoch_moves (org_id TEXT NOT NULL, document_id TEXT NOT NULL, epoch BIGINT NOT NULL, base TEXT, mine TEXT NOT NULL, carry BLOB, PRIMARY KEY (org_id, document_id));`,
    // The hub stores it for the org of the project, which may be that of somebody else.
    'ALTER TABLE asset_uploads ADD COLUMN project_id TEXT;',
    `CREATE TABLE asked_gates (org_id TEXT NOT NULL, gate_id TEXT NOT NULL PRIMARY KEY, run_id TEXT NOT NULL, ask_key TEXT NOT NULL, digest TEXT NOT NULL, opened TEXT NOT NULL, decision TEXT, UNIQUE (run_id, ask_key));`,
    // The device's own web app: who is signed in, and the projects that it shows without the hub.
    `CREATE TABLE loopback_sessions (org_id TEXT NOT NULL, session_id TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL UNIQUE, expires_at BIGINT NOT NULL);
    CREATE TABLE known_projects (org_id TEXT NOT NULL, project_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, tree_id TEXT NOT NULL);
    CREATE TABLE made_documents (org_id TEXT NOT NULL, document_id TEXT NOT NULL PRIMARY KEY);`,
    // Which projects get a folder: those that the user wants none of, those that the hub took away, those made here.
    `ALTER TABLE known_projects ADD COLUMN hub TEXT NOT NULL DEFAULT '';
    ALTER TABLE known_projects ADD COLUMN access TEXT;
    ALTER TABLE known_projects ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE left_out_projects (org_id TEXT NOT NULL, project_id TEXT NOT NULL PRIMARY KEY);
    CREATE TABLE lost_projects (org_id TEXT NOT NULL, project_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, folder TEXT NOT NULL);
    CREATE TABLE made_projects (org_id TEXT NOT NULL, project_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, tree_id TEXT NOT NULL);`,
    // What the device decided while the hub could not be asked.
    `CREATE TABLE local_runs (org_id TEXT NOT NULL, run_id TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, record TEXT NOT NULL);
    CREATE INDEX local_runs_in_order ON local_runs (org_id, number);
    CREATE TABLE head_labels (org_id TEXT NOT NULL, kernel_id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE last_heard (org_id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);`,
    // Saved sessions whose parts are files here, and the newest state of each that went to the hub or came from there.
    `CREATE TABLE saved_sessions (org_id TEXT NOT NULL, snapshot_id TEXT NOT NULL, record TEXT NOT NULL, whole BIGINT NOT NULL, at_hub BIGINT NOT NULL, used_at BIGINT NOT NULL, PRIMARY KEY (org_id, snapshot_id));
    CREATE TABLE seen_sessions (org_id TEXT NOT NULL, session_id TEXT NOT NULL, fence BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (org_id, session_id));`,
  ],
}
