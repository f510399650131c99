/** Which rights a database role has that a hub must not have, and whether its server keeps what it acknowledges. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { ClientBase } from 'pg'

interface Rights {
  role: string
  superuser: boolean
  bypass: boolean
  owned: string | null
  fsync: string
}

/** Also of the role that signed in, and of every role that it may become: SET ROLE would be enough to get around a check. */
const rightsSql = `SELECT current_user AS role, current_setting('fsync') AS fsync,
  bool_or(r.rolsuper) AS superuser, bool_or(r.rolbypassrls) AS bypass,
  (SELECT min(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND (pg_has_role(session_user, c.relowner, 'MEMBER') OR pg_has_role(current_user, c.relowner, 'MEMBER'))) AS owned
  FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') OR r.rolname IN (session_user, current_user)`

async function rightsOf(client: ClientBase): Promise<Rights> {
  return (await client.query<Rights>(rightsSql)).rows[0]!
}

/** Throws DATABASE_ROLE with what is too much, or STORAGE_FAILED for a server that would lose what it acknowledged. */
export async function checkRole(client: ClientBase): Promise<string> {
  const { role, superuser, bypass, owned, fsync } = await rightsOf(client)
  if (superuser) throw new MeshError('DATABASE_ROLE', { detail: `"${role}" is, or may become, a superuser` })
  if (bypass) throw new MeshError('DATABASE_ROLE', { detail: `"${role}" may bypass row level security` })
  if (owned !== null) throw new MeshError('DATABASE_ROLE', { detail: `"${role}" owns the table "${owned}"` })
  checkFsync(fsync)
  return role
}

function checkFsync(fsync: string): void {
  if (fsync === 'off') throw new MeshError('STORAGE_FAILED', { detail: 'the PostgreSQL server runs with fsync = off' })
}
