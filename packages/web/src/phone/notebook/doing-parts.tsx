/** All that is done in a notebook on the phone, in one chunk: it comes once the notebook is read and its document open. */
import '../styles/sheet.css'

export { settleRuns } from '../../notebook/settle-runs.ts'
export { stopRun } from '../../notebook/stop-run.ts'
export { Sheet } from '../shell/sheet.tsx'
export { CellFoot } from './cell-foot.tsx'
export { EditArea } from './edit-area.tsx'
export { KeyBar } from './key-bar.tsx'
export { NotebookBar } from './notebook-bar.tsx'
export { Question } from './question.tsx'
