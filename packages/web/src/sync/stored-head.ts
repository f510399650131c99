/** What the position of a stored document says. Pure. */
import { countBeyond } from './edit-vector.ts'
import type { StoredDocument, StoredHead } from './link-ports.ts'

/** The edits of it that are not at the hub. */
export const unsentOf = ({ made, acked, carried }: StoredHead): number => countBeyond(made, acked) + carried

/** Nothing of it, or of what it took the place of, is only here. */
export const isAllAtHub = ({ head, old }: StoredDocument): boolean => unsentOf(head) === 0 && old.length === 0
