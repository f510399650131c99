/** What `meshbook doctor` says of the certificate that the hub shows, and of whom other devices can reach it by. */
import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asMeshError } from '@meshbook/core/errors.ts'
import { type HubConfig, parseHubConfig } from '@meshbook/hub/config.ts'
import { folderOf, readAuthority, readCertificate } from '@meshbook/hub/tls/authority-folder.ts'
import { ownNames, sorted } from '@meshbook/hub/tls/own-names.ts'
import { thisMachine } from '@meshbook/hub/tls/shown-certificate.ts'
import type { Finding } from './checks.ts'

const check = 'Certificate'
const dayMs = 86_400_000

export async function checkTls(env: NodeJS.ProcessEnv, data: string, now: number): Promise<Finding[]> {
  try {
    const config = parseHubConfig(env, { data })
    return config.tls ? [await ofFiles(config.tls.cert, now)] : await ofOwn(config, now)
  } catch (thrown) {
    const error = asMeshError(thrown)
    return [{ check, ok: false, seen: error.message, fix: error.entry.hint }]
  }
}

async function ofFiles(path: string, now: number): Promise<Finding> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return { check, ok: false, seen: `${path} cannot be read`, fix: 'Mend MESHBOOK_TLS_CERT.' }
  const fix = 'Renew it; a running hub takes the new files by itself.'
  return lasting(new X509Certificate(text), now, path, fix)
}

async function ofOwn({ dataFolder, host, publicUrl }: HubConfig, now: number): Promise<Finding[]> {
  const authority = await readAuthority(dataFolder)
  if (!authority) {
    const isOpen = host !== '127.0.0.1' && host !== '::1' && host !== 'localhost' && publicUrl === null
    const seen = isOpen ? 'none, though MESHBOOK_HOST opens the hub to the network' : 'none: this machine alone uses it'
    const fix = 'Other machines are refused over plain HTTP: run `meshbook tls`, or put a proxy before the hub.'
    return [{ check, ok: !isOpen, seen, ...(isOpen ? { fix } : {}) }]
  }
  const shown = await readCertificate(dataFolder)
  const { left } = sorted(ownNames(thisMachine(publicUrl)), authority.permitted)
  const findings = [await keptSecret(join(folderOf(dataFolder), 'authority.json'))]
  const about = lasting(authority.certificate, now, 'own authority', 'Make another with `meshbook tls --new`.')
  findings.push({ ...about, check: 'Authority' })
  const fix = 'Run `meshbook tls`; a running hub takes the new certificate by itself.'
  findings.push(
    shown ? lasting(shown.certificate, now, shown.names.join(', '), fix) : { check, ok: false, seen: 'none yet', fix },
  )
  if (left.length > 0)
    findings.push({
      check,
      ok: false,
      seen: `the own authority may not vouch for ${left.join(', ')}`,
      fix: 'Make another with `meshbook tls --new`; devices install it again.',
    })
  return findings
}

function lasting(certificate: X509Certificate, now: number, what: string, fix: string): Finding {
  const days = Math.floor((Date.parse(certificate.validTo) - now) / dayMs)
  const seen = days < 0 ? `${what}: ended ${-days} days ago` : `${what}: for ${days} more days`
  return days < 14 ? { check, ok: false, seen, fix } : { check, ok: true, seen }
}

async function keptSecret(path: string): Promise<Finding> {
  const { mode } = await stat(path)
  const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0
  const seen = `${path} is readable by ${isOpen ? 'others' : 'its owner alone'}`
  return { check: 'Authority', ok: !isOpen, seen, ...(isOpen ? { fix: `chmod 600 ${path}` } : {}) }
}
