import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { HubConfig } from '@meshbook/hub/config.ts'
import {
  type Authority,
  ensureAuthority,
  ensureCertificate,
  folderOf,
  forgetAuthority,
  type HubCertificate,
  readAuthority,
  readCertificate,
} from '@meshbook/hub/tls/authority-folder.ts'
import { thisMachine } from '@meshbook/hub/tls/shown-certificate.ts'
import { Command } from 'commander'
import { printJson, say } from '../print.ts'
import { privateFolder } from '../this-machine.ts'
import { type AuthorityShown, authorityShown, sayAuthority } from '../tls/show-authority.ts'
import { type ListeningOptions, listeningOf, optionsOf, withListening } from './options.ts'

interface TlsOptions extends ListeningOptions {
  new?: boolean
}

export function tlsCommand(): Command {
  const status = new Command('status')
    .description('show the authority and the certificate that there are, and change nothing')
    .action(async (_options, command: Command) => {
      const options = optionsOf<TlsOptions>(command)
      show(await found(listeningOf(options).config), options)
    })
  return withListening(new Command('tls'))
    .description('make a certificate authority of your own, and show how your devices come to trust it')
    .option('--new', 'make another authority; every device has to install it again')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook tls\n  $ meshbook start --host 0.0.0.0')
    .addCommand(status)
    .action(async (_options, command: Command) => {
      const options = optionsOf<TlsOptions>(command)
      const { config, folder } = listeningOf(options)
      if (config.tls)
        throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_TLS_CERT: the hub shows that certificate already' })
      await privateFolder(folder.root)
      if (options.new) await forgetAuthority(config.dataFolder)
      show(await made(config), options)
    })
}

async function made(config: HubConfig): Promise<AuthorityShown> {
  const ports = { dataFolder: config.dataFolder, now: Date.now(), random: systemRandom }
  const machine = thisMachine(config.publicUrl)
  const authority = await ensureAuthority(machine, ports)
  return shown(config, authority, await ensureCertificate(authority, machine, ports))
}

async function found(config: HubConfig): Promise<AuthorityShown> {
  const authority = await readAuthority(config.dataFolder)
  if (!authority) throw new MeshError('NOT_FOUND', { detail: 'there is no authority yet; `meshbook tls` makes one' })
  return shown(config, authority, await readCertificate(config.dataFolder))
}

function shown(
  config: HubConfig,
  authority: Authority,
  certificate: Omit<HubCertificate, 'left'> | undefined,
): AuthorityShown {
  const machine = thisMachine(config.publicUrl)
  return authorityShown({ authority, certificate, machine, port: config.port, folder: folderOf(config.dataFolder) })
}

function show(authority: AuthorityShown, { json }: TlsOptions): void {
  if (json) printJson(authority)
  else sayAuthority(authority, say)
}
