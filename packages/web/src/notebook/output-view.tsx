/** The output of one run, live: text, displays, images, error, a link to what was cut off. */
import type { DisplayDatum, ExecutionEntry } from '@meshbook/core/executions.ts'
import { isAssetId } from '@meshbook/core/ids.ts'
import { assetUrl } from '../api/asset-addresses.ts'
import { isRich } from './output/forms.ts'
import { segmentsOf, withoutPrompt, withoutTail } from './output-segments.ts'
import { OutputText } from './output-text.tsx'
import { useReading } from './reading.ts'
import { RichWhenNeeded, WhenDrawn } from './rich-when-needed.tsx'
import type { OutputView as View } from './views.ts'

export function OutputView({ output }: { output: View }) {
  return <OutputOf output={output} entry={useReading().entryOf(output.runId).value} />
}

/** Of a run that is shown by itself, outside of a notebook, too. */
export function OutputOf({ output, entry }: { output: View; entry: ExecutionEntry | undefined }) {
  const displays = displaysOf(entry)
  const shown = new Set(
    displays.flatMap(display => display.parts.flatMap(part => (part.at === 'asset' ? [part.asset] : []))),
  )
  const images = output.images.filter(image => !shown.has(image.asset))
  const error = entry?.status === 'error' ? entry.error : undefined
  const segments = segmentsOf(textOf(output.text, entry), displays)
  if (segments.length === 0 && images.length === 0 && !error && !entry?.fullOutput) return null
  return (
    <div class="output">
      {segments.map((segment, at) =>
        'text' in segment ? (
          <OutputText key={at} text={segment.text} run={output.runId} />
        ) : (
          <RichWhenNeeded key={at} parts={segment.display.parts} />
        ),
      )}
      {images.map(image => (
        <WhenDrawn key={image.asset}>
          {({ OutputImage }) => <OutputImage url={assetUrl(image.asset)} name={image.asset} alt={image.alt} />}
        </WhenDrawn>
      ))}
      {error && <WhenDrawn>{({ OutputError }) => <OutputError error={error} />}</WhenDrawn>}
      {entry?.fullOutput && isAssetId(entry.fullOutput.asset) && (
        <a class="fold-bar" href={assetUrl(entry.fullOutput.asset)} target="_blank" rel="noopener">
          Full output ({megabytes(entry.fullOutput.bytes)})
        </a>
      )}
    </div>
  )
}

/** The text without what is shown below it in a better form: the traceback, the question that is asked. */
function textOf(text: string, entry: ExecutionEntry | undefined): string {
  const error = entry?.status === 'error' ? entry.error : undefined
  if (!error) return withoutPrompt(text, entry?.stdinRequest?.prompt)
  const traceback = Array.isArray(error.traceback) ? error.traceback.join('\n') : ''
  return withoutTail(text, traceback === '' ? `${error.name}: ${error.message}` : traceback)
}

/** What the run displayed, and its result, if a richer form than text of it exists. Written by peers, so it is checked. */
export function displaysOf(entry: ExecutionEntry | undefined): DisplayDatum[] {
  const list = [
    ...(Array.isArray(entry?.displayData) ? entry.displayData : []),
    ...(entry?.result ? [entry.result as DisplayDatum] : []),
  ]
  return list.filter(display => Array.isArray(display?.parts) && isRich(display.parts))
}

const megabytes = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`

/** Whether more than text is shown of it: a richer form, or an error with its traceback. */
export const isMoreThanText = (entry: ExecutionEntry | undefined): boolean =>
  displaysOf(entry).length > 0 || (entry?.status === 'error' && entry.error !== undefined)
