import { protocolVersion } from '@meshbook/core/messages.ts'
import { Command } from 'commander'
import { printJson } from '../print.ts'
import { version } from '../version.ts'

export function versionCommand(): Command {
  return new Command('version')
    .description('print the version of Meshbook, of its protocol and of Node')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook version')
    .action((_options, command: Command) => {
      if (command.optsWithGlobals<{ json?: boolean }>().json)
        return printJson({ version, protocol: protocolVersion, node: process.versions.node })
      process.stdout.write(`meshbook ${version} (protocol ${protocolVersion}, Node ${process.versions.node})\n`)
    })
}
