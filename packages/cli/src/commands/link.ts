import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { hasBrowser, openBrowser } from '../open-browser.ts'
import { pageOf } from '../page-of.ts'
import { printJson, say } from '../print.ts'
import { optionsOf } from './options.ts'

interface LinkOptions {
  data?: string
  json?: boolean
  open?: boolean
}

const placeWords = 'a file, a project, or a document of one (default: the first page)'

export function linkCommand(): Command {
  return new Command('link')
    .description('print a new one-time sign-in link for a browser')
    .argument('[place]', placeWords)
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook link')
    .action(async (place: string | undefined, _options, command: Command) => {
      const options = optionsOf<LinkOptions>(command)
      print(await newLink(place, options), options)
    })
}

export function openCommand(): Command {
  return new Command('open')
    .description('open the Meshbook that runs on this machine in a browser, signed in')
    .argument('[place]', placeWords)
    .option('--no-open', 'print the one-time link and open nothing')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook open\n  $ meshbook open ~/thesis/chapter-1.md\n  $ meshbook open thesis',
    )
    .action(async (place: string | undefined, _options, command: Command) => {
      const options = optionsOf<LinkOptions>(command)
      const link = await newLink(place, options)
      const isOpened = options.open !== false && hasBrowser()
      if (!isOpened || options.json) print(link, options)
      if (isOpened) openBrowser(link)
      else if (options.open !== false) say('  There is no browser on this screen; the link signs one in once.')
    })
}

async function newLink(place: string | undefined, { data }: LinkOptions): Promise<string> {
  const { control: file } = dataFolder(data)
  try {
    const to = place === undefined ? undefined : await pageOf(place, file)
    return (await control(file, '/link', to === undefined ? {} : { to })).link
  } catch (thrown) {
    const error = asMeshError(thrown)
    if (error.code !== 'UNREACHABLE') throw error
    throw new MeshError('UNREACHABLE', {
      detail: `${error.detail ?? 'nothing runs here'}. Start it with \`meshbook up\` (this machine as a device, also without a hub) or \`meshbook start\` (a hub and this machine), and leave that running`,
      cause: error,
    })
  }
}

function print(link: string, { json }: LinkOptions): void {
  if (json) printJson({ link })
  else process.stdout.write(`${link}\n`)
}
