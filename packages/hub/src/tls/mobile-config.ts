/** A configuration profile by which iOS and macOS install the authority. Its ids follow from the certificate. Pure. */
import type { X509Certificate } from 'node:crypto'

export function mobileConfig(certificate: X509Certificate): string {
  const digits = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  const name = certificate.subject.replace(/^CN=/, '')
  const payload = dict({
    PayloadCertificateFileName: '<string>meshbook-ca.crt</string>',
    PayloadContent: `<data>${certificate.raw.toString('base64')}</data>`,
    PayloadDescription: string('Lets this device trust the certificate of your own Meshbook.'),
    PayloadDisplayName: string(name),
    PayloadIdentifier: string(`app.meshbook.authority.${digits.slice(0, 16)}.certificate`),
    PayloadType: string('com.apple.security.root'),
    PayloadUUID: string(uuid(digits.slice(0, 32))),
    PayloadVersion: '<integer>1</integer>',
  })
  const profile = dict({
    PayloadContent: `<array>${payload}</array>`,
    PayloadDescription: string('Lets this device trust the certificate of your own Meshbook, and no other.'),
    PayloadDisplayName: string(name),
    PayloadIdentifier: string(`app.meshbook.authority.${digits.slice(0, 16)}`),
    PayloadRemovalDisallowed: '<false/>',
    PayloadType: string('Configuration'),
    PayloadUUID: string(uuid(digits.slice(32))),
    PayloadVersion: '<integer>1</integer>',
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">${profile}</plist>
`
}

function dict(entries: Record<string, string>): string {
  const rows = Object.entries(entries).map(([key, value]) => `<key>${key}</key>${value}`)
  return `<dict>${rows.join('')}</dict>`
}

function string(text: string): string {
  return `<string>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</string>`
}

function uuid(digits: string): string {
  return [8, 12, 16, 20, 32]
    .map((end, i) => digits.slice([0, 8, 12, 16, 20][i], end))
    .join('-')
    .toUpperCase()
}
