/** The change of a notebook's text that sets or removes `meshbook: {runs-on}` in its front matter (W52). Pure. */

import type { Change } from '@meshbook/core/text/text-delta.ts'
import type { parseDocument as Parse } from 'yaml'
import { setFrontMatter } from './front-matter-edit.ts'

export const setRunsOn = (text: string, runsOn: string | undefined, parse: typeof Parse): Change[] =>
  setFrontMatter(text, [[['meshbook', 'runs-on'], runsOn]], parse)
