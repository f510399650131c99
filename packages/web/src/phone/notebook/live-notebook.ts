/** Opens the document of a notebook that may be read already, and keeps its text for the next time. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { type Answers, openParts } from '../../notebook/open-parts.ts'
import { browserPorts } from '../../sync/browser-ports.ts'
import type { LinkPorts } from '../../sync/link-ports.ts'
import { keptOf } from './kept-of.ts'
import { keepText } from './kept-text.ts'
import { PhoneNotebook } from './phone-notebook.ts'

const keptAfterMs = 1_500

export async function openNotebook(
  project: Project,
  path: string,
  listed: DocumentInfo | undefined,
  ports: LinkPorts | undefined,
  answers: Answers,
): Promise<PhoneNotebook> {
  const notebook = new PhoneNotebook(await openParts(project, path, listed, ports ?? browserPorts, answers))
  keepUpToDate(notebook)
  return notebook
}

function keepUpToDate(notebook: PhoneNotebook): void {
  let isDue = false
  const soon = () => {
    if (isDue) return
    isDue = true
    setTimeout(() => {
      isDue = false
      void keepText(notebook.document.id, keptOf(notebook.link.doc))
    }, keptAfterMs)
  }
  notebook.link.doc.on('update', soon)
  soon()
}
