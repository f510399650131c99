/**
 * Yjs from its own source files, so that the bundler takes of it what a page uses, without what no document of ours has:
 * the second encoding (updates are V1 everywhere) and the XML types, which are carried along, unread, where a stranger's
 * editor put them into a document.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const source = join(dirname(fileURLToPath(import.meta.resolve('yjs/package.json'))), 'src')
const codecs = '\0yjs-v1:'
const carried = join(import.meta.dirname, 'carried-types.js')

export const yjsParts: Plugin = {
  name: 'yjs-parts',
  enforce: 'pre',
  resolveId(name, importer) {
    if (name === 'yjs') return join(source, 'index.js')
    if (!importer?.startsWith(source)) return undefined
    if (/\/Update(?:De|En)coder\.js$/.test(name)) return `${codecs}${join(dirname(importer), name)}`
    if (/\/YXml\w+\.js$/.test(name)) return carried
    return undefined
  },
  /** What asks for the second encoding is given the first: a name that Yjs has and we do not would end the build. */
  load(id) {
    if (!id.startsWith(codecs)) return undefined
    const path = id.slice(codecs.length)
    const kind = path.endsWith('Decoder.js') ? 'Decoder' : 'Encoder'
    const names = ['DS', 'Update'].map(part => `${part}${kind}V1, ${part}${kind}V1 as ${part}${kind}V2`)
    return `export { ${names.join(', ')} } from ${JSON.stringify(path)}`
  },
}
