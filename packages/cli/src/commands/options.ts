/** Options that several commands share, and the client they lead to. */
import type { Command } from 'commander'
import { ApiClient, findHub } from '../api-client.ts'
import { dataFolder } from '../data-folder.ts'

export interface ClientOptions {
  hub?: string
  data?: string
  json?: boolean
}

export function withClient(command: Command): Command {
  return command
    .option('--hub <url>', 'the hub to use instead of the one on this machine; needs MESHBOOK_TOKEN')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
}

export async function clientOf(options: ClientOptions): Promise<ApiClient> {
  return new ApiClient(await findHub(options, dataFolder(options.data)))
}

/** Options given to the command or, like --json, to `meshbook` itself. */
export function optionsOf<T extends ClientOptions>(command: Command): T {
  return command.optsWithGlobals<T>()
}
