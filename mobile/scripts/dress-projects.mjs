// Puts images and what Meshbook needs of the systems into the native projects that Capacitor made. Repeating it is harmless.

import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const at = (...parts) => join(root, ...parts)

/** Without it Android apps trust no authority that the user installed. */
const networkSecurity = `<?xml version="1.0" encoding="utf-8"?>
<network-security-config>
  <base-config cleartextTrafficPermitted="false">
    <trust-anchors>
      <certificates src="system" />
      <certificates src="user" />
    </trust-anchors>
  </base-config>
</network-security-config>
`

async function change(path, edit) {
  const before = await readFile(path, 'utf8')
  const after = edit(before)
  if (after !== before) await writeFile(path, after)
}

async function dressAndroid() {
  const main = at('android/app/src/main')
  await cp(at('images/android'), at('android'), { recursive: true })
  await mkdir(join(main, 'res/xml'), { recursive: true })
  await writeFile(join(main, 'res/xml/network_security_config.xml'), networkSecurity)
  await change(join(main, 'AndroidManifest.xml'), text =>
    text.includes('networkSecurityConfig')
      ? text
      : text.replace(
          '<application',
          '<application\n        android:networkSecurityConfig="@xml/network_security_config"',
        ),
  )
}

async function dressIos() {
  await cp(at('images/ios'), at('ios'), { recursive: true })
  const wanted = {
    NSCameraUsageDescription: 'To scan the code that pairs this phone with your hub.',
    NSLocalNetworkUsageDescription: 'To reach a hub in your own network.',
  }
  await change(at('ios/App/App/Info.plist'), text =>
    Object.entries(wanted).reduce(
      (plist, [key, why]) =>
        plist.includes(key)
          ? plist
          : plist.replace(/<\/dict>\s*<\/plist>/, `\t<key>${key}</key>\n\t<string>${why}</string>\n</dict>\n</plist>`),
      text,
    ),
  )
}

if (existsSync(at('android'))) await dressAndroid()
if (existsSync(at('ios'))) await dressIos()
