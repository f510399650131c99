/** A notebook file of any size, laid out as Jupyter does: cells with text output, some of them with a picture. */
import { createHash } from 'node:crypto'

export interface Size {
  cells: number
  pictures: number
  pictureBytes: number
  /** Of text that each cell printed. */
  lines: number
}

const png = Buffer.from('89504e470d0a1a0a', 'hex')

/** Bytes that no two pictures share, the same at each call. */
function picture(n: number, bytes: number): string {
  const seed = createHash('sha512').update(String(n)).digest()
  const body = Buffer.alloc(bytes - png.length, seed)
  return Buffer.concat([png, body]).toString('base64')
}

export function largeNotebook({ cells, pictures, pictureBytes, lines }: Size): string {
  const made = Array.from({ length: cells }, (_, i) => ({
    cell_type: 'code',
    execution_count: i + 1,
    id: `cell${i}`,
    metadata: {},
    outputs: [
      {
        name: 'stdout',
        output_type: 'stream',
        text: Array.from({ length: lines }, (_, line) => `step ${line} of cell ${i}: loss 0.${line}\n`),
      },
      ...(i < pictures
        ? [
            {
              data: { 'image/png': picture(i, pictureBytes), 'text/plain': ['<Figure size 640x480 with 1 Axes>'] },
              metadata: {},
              output_type: 'display_data',
            },
          ]
        : []),
    ],
    source: [`for step in range(${lines}):\n`, `    print(step, ${i})`],
  }))
  const kernelspec = { display_name: 'Python 3', language: 'python', name: 'python3' }
  return `${JSON.stringify({ cells: made, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }, null, 1)}\n`
}
