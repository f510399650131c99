/** The notebook that the phone shows: which item is being edited, and how much of a long one is drawn. */
import { type Signal, signal } from '@preact/signals'
import { NotebookModel } from '../../notebook/notebook-model.ts'

export class PhoneNotebook extends NotebookModel {
  /** Key of the item that is being edited. */
  readonly editing: Signal<string | undefined> = signal(undefined)
  /** Where the caret goes in the item that is opened next. */
  editAt: number | 'end' = 'end'

  override edit(key: string, at?: number | 'start' | 'end'): void {
    this.editAt = at === undefined ? 'end' : at === 'start' ? 0 : at
    this.editing.value = key
  }
}
