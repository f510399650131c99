/** The notebook that is measured, as Markdown and as ipynb: the same cells, the same outputs, the same pictures. */
import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'

export interface Picture {
  png: Buffer
  asset: string
}
export interface Content {
  markdown: string
  ipynb: string
  pictures: Picture[]
  outputBytes: number
}

export const streamCode =
  'import time\nfor n in range(100000):\n    print("line", n, "x" * 40, flush=True)\n    time.sleep(0.005)'
const pictureSide = 190

/** `cells` cells; text outputs of `textBytes` and pictures of `pictureBytes` in all. The second cell prints without end. */
export function makeContent(cells: number, textBytes: number, pictureBytes: number): Content {
  const random = randomOf(7)
  const pictures: Picture[] = []
  const perText = Math.round(textBytes / (cells * 0.8))
  const everyPicture = Math.max(1, Math.round((cells * 0.2 * 108_000) / pictureBytes))
  const markdown: string[] = ['# Five hundred cells\n']
  const notebook: unknown[] = [markdownCell('# Five hundred cells', 'h')]
  let outputBytes = 0
  let plain = 0
  for (let at = 0; at < cells; at++) {
    const run = `run_${String(at).padStart(26, '0')}`
    const code = at === 1 ? streamCode : codeOf(at)
    markdown.push(`\`\`\`python\n${code}\n\`\`\`\n`)
    let outputs: unknown[] = []
    if (at > 4 && at % 5 === 0 && plain++ % everyPicture === 0) {
      const picture = makePicture(random)
      pictures.push(picture)
      outputBytes += picture.png.length
      markdown.push(`\`\`\`output:${run}\n\n\`\`\`\n\n![plot ${at}](asset:${picture.asset})\n`)
      outputs = [displayOf(picture)]
    } else if (at > 4 && at % 5 !== 0) {
      const text = linesOf(perText, random)
      outputBytes += text.length
      markdown.push(`\`\`\`output:${run}\n${text}\n\`\`\`\n`)
      outputs = [{ output_type: 'stream', name: 'stdout', text: `${text}\n` }]
    }
    notebook.push({ cell_type: 'code', id: `c${at}`, metadata: {}, execution_count: at + 1, source: code, outputs })
    if (at % 10 === 9) {
      markdown.push(`## Part ${at}\n\nSome **words** about [part](https://example.org) ${at}.\n`)
      notebook.push(markdownCell(`## Part ${at}\n\nSome **words** about part ${at}.`, `m${at}`))
    }
  }
  const kernelspec = { name: 'python3', display_name: 'Python 3', language: 'python' }
  const ipynb = { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells: notebook }
  return { markdown: markdown.join('\n'), ipynb: JSON.stringify(ipynb), pictures, outputBytes }
}

const markdownCell = (source: string, id: string) => ({ cell_type: 'markdown', id, metadata: {}, source })

const displayOf = ({ png }: Picture) => ({
  output_type: 'display_data',
  metadata: {},
  data: { 'image/png': png.toString('base64'), 'text/plain': '<Figure>' },
})

const codeOf = (at: number): string =>
  `def part_${at}(values, scale=${at}):\n    total = 0.0\n    for value in values:\n        total += value * scale\n    return {"part": ${at}, "total": total}\n\npart_${at}([1, 2, 3])`

function linesOf(bytes: number, random: () => number): string {
  let text = ''
  while (text.length < bytes)
    text += `step ${Math.floor(random() * 1e6)} loss ${random().toFixed(8)} accuracy ${random().toFixed(6)}\n`
  return text.trimEnd()
}

function makePicture(random: () => number): Picture {
  const row = pictureSide * 3 + 1
  const pixels = Buffer.alloc(row * pictureSide)
  for (let at = 0; at < pixels.length; at++) pixels[at] = at % row === 0 ? 0 : Math.floor(random() * 256)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(pictureSide, 0)
  head.writeUInt32BE(pictureSide, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const parts = [chunk('IHDR', head), chunk('IDAT', deflateSync(pixels)), chunk('IEND', Buffer.alloc(0))]
  const png = Buffer.concat([signature, ...parts])
  return { png, asset: `sha256-${createHash('sha256').update(png).digest('hex')}` }
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** The same numbers in every run (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
