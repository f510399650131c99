/** The question that is asked now, over the page. */
import { question } from '../../shell/ask.ts'
import { QuestionDialog } from '../../shell/question-dialog.tsx'
import '../styles/dialog.css'

export function Asked() {
  const asked = question.value
  return asked ? <QuestionDialog key={asked.title} asked={asked} /> : null
}
