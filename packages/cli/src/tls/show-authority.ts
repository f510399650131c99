/** What `meshbook tls` says of an authority: how a device comes to trust it, and where it finds the hub then. */
import { join } from 'node:path'
import type { Authority, HubCertificate } from '@meshbook/hub/tls/authority-folder.ts'
import { lanAddresses, type Machine, ownNames, sorted } from '@meshbook/hub/tls/own-names.ts'
import { renderUnicodeCompact } from 'uqr'

export interface AuthorityShown {
  /** SHA-256, as phones and browsers show it. */
  fingerprint: string
  /** The certificate of the authority, for programs and for copying. */
  file: string
  authorityUntil: string
  /** Of what the hub shows; null where none was made yet. */
  certificateUntil: string | null
  names: string[]
  /** Names of the hub that this authority may not vouch for. */
  left: string[]
  /** Of the page with the steps, over plain HTTP; null where this machine is on no network. */
  page: string | null
  url: string | null
}

interface Found {
  authority: Authority
  certificate: Omit<HubCertificate, 'left'> | undefined
  machine: Machine
  port: number
  folder: string
}

export function authorityShown({ authority, certificate, machine, port, folder }: Found): AuthorityShown {
  const [address] = lanAddresses(machine)
  const host = address?.includes(':') ? `[${address}]` : address
  const ownUrl = host === undefined ? null : `https://${host}:${port}`
  return {
    fingerprint: authority.certificate.fingerprint256,
    file: join(folder, 'ca.crt'),
    authorityUntil: dayOf(authority.certificate.validTo),
    certificateUntil: certificate ? dayOf(certificate.certificate.validTo) : null,
    names: certificate?.names ?? [],
    left: sorted(ownNames(machine), authority.permitted).left,
    page: host === undefined ? null : `http://${host}:${port}/tls`,
    url: machine.publicUrl ?? ownUrl,
  }
}

export function sayAuthority(shown: AuthorityShown, say: (text: string) => void): void {
  const { fingerprint, file, page, url, left, names } = shown
  if (page !== null && process.stderr.isTTY) say(`\n${renderUnicodeCompact(page, { border: 2 })}`)
  say(`\n  On the phone    scan this, or open ${page ?? 'http://<this machine>/tls'}, and follow its steps.`)
  say('  Compare         the fingerprint that the phone shows with this one (SHA-256):')
  for (const half of [fingerprint.slice(0, 47), fingerprint.slice(48)]) say(`                  ${half}`)
  say(`  Then open       ${url ?? 'https://<this machine>'}`)
  say(`\n  iPhone, iPad    load the profile, install it in Settings → General → VPN & Device Management, then switch`)
  say('                  it on in Settings → General → About → Certificate Trust Settings')
  say('  Android         load the certificate, then Settings → Security → Install a certificate → CA certificate')
  say(`  Computers       import ${file} into the browser or the system`)
  say(`  Other Meshbooks NODE_EXTRA_CA_CERTS=<copy of ca.crt> meshbook up --hub ${url ?? 'https://…'}`)
  say(`\n  Names           ${names.join(', ')}`)
  say(`  Valid           authority until ${shown.authorityUntil}, certificate until ${shown.certificateUntil ?? '–'};`)
  say('                  the hub renews its certificate by itself. The key never leaves this machine.')
  for (const name of left)
    say(`  ✖ Not covered   ${name}: the authority was made for other names; \`meshbook tls --new\` makes another`)
  say(
    '\n  Others reach the hub once it is started with --host 0.0.0.0 (after the first `meshbook tls`: start it again).\n',
  )
}

function dayOf(date: string): string {
  return new Date(date).toISOString().slice(0, 10)
}
