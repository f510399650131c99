/** In a list of documents: edits of one that only this device has. */
import { storedList } from '../sync/browser-storage.ts'

/** `short`: where there is room for a number only. */
export function UnsentPill({ document, short = false }: { document: string; short?: boolean }) {
  const unsent = storedList.unsent.value.get(document) ?? 0
  if (unsent === 0) return null
  const text = `${unsent === 1 ? '1 edit' : `${unsent} edits`} not on the hub yet`
  return (
    <span class="pill warn unsent" title={`${text}; open the document to send them`}>
      {short ? (
        <>
          <span aria-hidden="true">{unsent > 99 ? '99+' : unsent}</span>
          <span class="visually-hidden">{text}</span>
        </>
      ) : (
        text
      )}
    </span>
  )
}
