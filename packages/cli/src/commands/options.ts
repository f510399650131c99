/** Options that several commands share, and the client they lead to. */
import type { HubData } from '@meshbook/hub/backup/backup-source.ts'
import { type HubConfig, parseHubConfig } from '@meshbook/hub/config.ts'
import type { MasterKeyConfig } from '@meshbook/hub/vault/master-key.ts'
import type { Command } from 'commander'
import { ApiClient, findHub } from '../api-client.ts'
import { type DataFolder, dataFolder } from '../data-folder.ts'
import { webFolder } from '../web-folder.ts'

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

/** Of the commands that start a hub. */
export interface ListeningOptions {
  port?: string
  host?: string
  data?: string
  json?: boolean
}

export function withListening(command: Command): Command {
  return command
    .option('--port <port>', 'port to listen on (default 3005, or PORT)')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
}

export function listeningOf({ host, port, data }: ListeningOptions): { folder: DataFolder; config: HubConfig } {
  const folder = dataFolder(data)
  return { folder, config: parseHubConfig(process.env, { host, port, data: folder.root, webFolder }) }
}

/** Options given to the command or, like --json, to `meshbook` itself. */
export function optionsOf<T extends ClientOptions>(command: Command): T {
  return command.optsWithGlobals<T>()
}

/** What the keys of that hub are sealed with. */
export function masterKeyOf(options: Pick<ClientOptions, 'data'>): MasterKeyConfig {
  return parseHubConfig(process.env, { data: dataFolder(options.data).root }).masterKey
}

/** Where the hub keeps what it has, by the settings that the hub itself is started with. */
export function hubDataOf(options: Pick<ClientOptions, 'data'>): HubData {
  const { dataFolder: folder, database, s3 } = parseHubConfig(process.env, { data: dataFolder(options.data).root })
  return { dataFolder: folder, database, s3 }
}
