/** Texts made of what Markdown parsers trip over, for property tests. */
import fc from 'fast-check'

export const nastyLine = fc.oneof(
  fc.constantFrom(
    '',
    '---',
    '...',
    '```',
    '````',
    '~~~',
    '```python',
    '~~~python',
    '```{python}',
    '#| a: b',
    '```{code-cell} python',
    ':a: b',
    '```output:run_1',
    '~~~~output:run_1',
    '  ```py',
    '   ```',
    '    ```py',
    '- a',
    '- ```python',
    '1. b',
    '> ```python',
    '<!--',
    '-->',
    '<div>',
    '</div>',
    '<script>',
    '</script>',
    `![a](asset:sha256-${'ab'.repeat(32)})`,
    'kernelspec: {name: python3}',
    'meshbook: {runs-on: a, requires: [gpu]}',
    'text',
    '* * *',
    '\ufeff---',
    '<?',
    '\u0000',
    '\ud800',
    '\u001b[31m',
    '# h',
  ),
  fc.string({
    unit: fc.constantFrom('`', '~', ' ', '\t', '{', '}', '-', ':', 'a', '\u2028', '<', '!', '>'),
    maxLength: 12,
  }),
)
export const nastyText = fc
  .array(fc.tuple(nastyLine, fc.constantFrom('\n', '\n', '\n', '\r\n', '\r', '')), { maxLength: 30 })
  .map(lines => lines.flat().join(''))
