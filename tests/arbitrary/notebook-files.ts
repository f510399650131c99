/** Notebook files for property tests: what Jupyter writes, and what nobody should. Values are written by their own text. */
import fc from 'fast-check'
import { type Json, JsonNumber, JsonObject } from '../../packages/core/src/formats/ipynb/json-text.ts'
import { nastyText } from './nasty-text.ts'

const key = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'tags',
    'meshbook',
    'id',
    'a',
    'Z',
    'é',
    ' ',
    '',
    'vscode',
    'languageId',
    'toString',
  ),
  fc.string({ maxLength: 4 }),
)
const number = fc.constantFrom(
  '0',
  '-0',
  '1',
  '1.0',
  '1e400',
  '1E-7',
  '-2.50',
  '123456789012345678901234567890',
  'NaN',
  '-Infinity',
)
const text = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    '1.0',
    '\ud800',
    'a\udc00b',
    '\u0000',
    '\u2028',
    '-->',
    '`',
    '{}',
    `asset:sha256-${'ab'.repeat(32)}`,
    '\r\n',
    '\ufeff',
    '😀',
  ),
  fc.string({ unit: 'binary', maxLength: 8 }),
)

export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    number.map(digits => new JsonNumber(digits)),
    fc.constantFrom(true, false, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map(entries => new JsonObject(entries)),
  ),
})).value

const anyObject = fc.array(fc.tuple(key, anyJson), { maxLength: 3 }).map(entries => new JsonObject(entries))

const source = fc.oneof(
  nastyText,
  fc.constantFrom(
    '',
    'print(1)',
    '# Title\n\ntext\n',
    'a\r\nb',
    '\n\n',
    'x\n   ',
    '```',
    '~~~\n```python\nx',
    '<!-- cell -->',
    '<!-- cell {"id": "a"} -->\nx',
    '---\na: b\n---\n',
    '```raw-cell\nx\n```',
    '```.python\nx\n```',
    '- a\n\n  ```python\n  x\n  ```',
    'a\u2028b\vc',
    '```json-cell\nnull\n```',
    '    x',
    '![a](attachment:b.png)',
    `![a](asset:sha256-${'ab'.repeat(32)})`,
    '%%bash\nls',
  ),
  fc
    .array(
      fc.constantFrom(
        'a',
        '\n',
        '`',
        '```',
        '```python\n',
        '- ',
        '<',
        '!--',
        '-->',
        ' ',
        '\t',
        '~~~\n',
        '.',
        '{code-cell}',
      ),
      { maxLength: 12 },
    )
    .map(parts => parts.join('')),
)

/** As the usual writer splits it, in other ways, and as no text at all. */
export function lines(text: string, how: number): Json {
  if (how === 0) return text
  if (how === 1) return text.split(/(?<=\n)/).filter(line => line !== '')
  return (text.match(
    /[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])|[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+$/g,
  ) ?? []) as string[]
}
const split = fc.constantFrom(0, 1, 2, 2, 2, 2)
const sourceJson = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(source, split).map(([value, how]) => lines(value, how)) },
  { weight: 1, arbitrary: anyJson },
)

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='
const svg = '<svg xmlns="http://www.w3.org/2000/svg"/>'
const object = (fields: Record<string, Json>) => new JsonObject(Object.entries(fields))
const count = fc.oneof(
  fc.constant(null),
  fc.constantFrom('1', '12', '1.0').map(digits => new JsonNumber(digits)),
)

const bundle = fc
  .record({
    png: fc.option(fc.constantFrom<Json>(png, `${png}\n`, [png], `${png}x`), { nil: undefined }),
    svg: fc.option(fc.constantFrom<Json>(svg, [svg]), { nil: undefined, freq: 5 }),
    html: fc.option(source, { nil: undefined }),
    plain: fc.option(fc.tuple(source, split), { nil: undefined, freq: 1 }),
    more: fc.option(fc.tuple(key, anyJson), { nil: undefined, freq: 5 }),
  })
  .map(({ png, svg, html, plain, more }) => {
    const entries: [string, Json][] = []
    if (more) entries.push(more)
    if (png !== undefined) entries.push(['image/png', png])
    if (svg !== undefined) entries.push(['image/svg+xml', svg])
    if (html !== undefined) entries.push(['text/html', lines(html, 2)])
    if (plain) entries.push(['text/plain', lines(...plain)])
    return new JsonObject(entries)
  })

const output: fc.Arbitrary<Json> = fc.oneof(
  fc
    .record({ name: fc.constantFrom('stdout', 'stderr'), text: source, how: split })
    .map(({ name, text, how }) => object({ name, output_type: 'stream', text: lines(text, how) })),
  fc.tuple(bundle, anyObject).map(([data, metadata]) => object({ data, metadata, output_type: 'display_data' })),
  bundle.map(data => object({ data, metadata: new JsonObject(), output_type: 'display_data' })),
  fc
    .tuple(bundle, count)
    .map(([data, execution_count]) =>
      object({ data, execution_count, metadata: new JsonObject(), output_type: 'execute_result' }),
    ),
  fc
    .array(source, { maxLength: 3 })
    .map(traceback => object({ ename: 'E', evalue: 'v', output_type: 'error', traceback })),
  anyJson,
)

const id = fc.constantFrom<Json>('a1b2c3d4', 'same', 'same', 'cell-1', 'cell-2', '-->', '`', '__proto__')
const metadata = fc.oneof(
  fc.constant(new JsonObject()),
  fc.constant(new JsonObject()),
  anyObject,
  fc.constantFrom('bash', 'python', 'nope').map(languageId => object({ vscode: object({ languageId }) })),
  anyObject.map(meshbook => object({ meshbook })),
  fc
    .constantFrom<Record<string, Json>>(
      { gap: '' },
      { open: '```{python}\n' },
      { text: 'x' },
      { run: 'run_x' },
      { open: '    x', gap: 'x' },
    )
    .map(fields => object({ meshbook: object(fields) })),
)

const cell: fc.Arbitrary<Json> = fc.oneof(
  fc
    .tuple(count, id, metadata, fc.array(output, { maxLength: 3 }), sourceJson)
    .map(([execution_count, id, metadata, outputs, source]) =>
      object({ cell_type: 'code', execution_count, id, metadata, outputs, source }),
    ),
  fc
    .tuple(id, metadata, sourceJson)
    .map(([id, metadata, source]) => object({ cell_type: 'markdown', id, metadata, source })),
  fc.tuple(id, metadata, sourceJson, anyObject).map(([id, metadata, source, more]) =>
    object({
      attachments: object({ 'b.png': object({ 'image/png': png }), c: more }),
      cell_type: 'markdown',
      id,
      metadata,
      source,
    }),
  ),
  fc
    .tuple(id, metadata, sourceJson)
    .map(([id, metadata, source]) => object({ cell_type: 'raw', id, metadata, source })),
  anyObject.map(more => new JsonObject([['cell_type', 'odd'], ...more.entries])),
  { weight: 1, arbitrary: anyJson },
)
const withoutId = (value: Json): Json => (value instanceof JsonObject ? value.without('id') : value)
const shuffled = (value: Json): Json =>
  value instanceof JsonObject ? new JsonObject([...value.entries].reverse()) : value

const kernel = fc.constantFrom<JsonObject>(
  new JsonObject(),
  object({ kernelspec: object({ display_name: 'Python 3', language: 'python', name: 'python3' }) }),
  object({ kernelspec: object({ display_name: 'R', language: 'R', name: 'ir' }) }),
  object({ language_info: object({ name: 'scala' }) }),
)

export const notebookFile: fc.Arbitrary<JsonObject> = fc
  .record({
    cells: fc.array(cell, { maxLength: 6 }),
    kernel,
    more: anyObject,
    minor: fc.constantFrom('0', '4', '5', '5', '5'),
    order: fc.constantFrom(0, 0, 0, 1),
    extra: fc.option(anyObject, { nil: undefined, freq: 8 }),
  })
  .map(({ cells, kernel, more, minor, order, extra }) => {
    const list = minor === '5' ? cells : cells.map(withoutId)
    const metadata = new JsonObject([...kernel.entries, ...more.entries])
    const file = object({
      cells: order ? list.map(shuffled) : list,
      metadata,
      nbformat: new JsonNumber('4'),
      nbformat_minor: new JsonNumber(minor),
    })
    const known = ['cells', 'metadata', 'nbformat', 'nbformat_minor']
    const others = new Map(extra?.entries)
    return new JsonObject([...file.entries, ...[...others].filter(([name]) => !known.includes(name))])
  })
