/** A page that could not be shown: what, why, and the way on. */
import { Hint } from './hint.tsx'
import { Link } from './link.tsx'
import { PageHeader } from './page-header.tsx'

export function ProblemPage({ title, text, hint }: { title: string; text: string; hint?: string | undefined }) {
  return (
    <>
      <PageHeader title="" />
      <main id="main" class="page" tabIndex={-1}>
        <div class="empty" role="alert">
          <h1>{title}</h1>
          {text && <p>{text}</p>}
          {hint && (
            <p>
              <Hint text={hint} />
            </p>
          )}
          <Link to="/" class="button">
            All documents
          </Link>
        </div>
      </main>
    </>
  )
}
