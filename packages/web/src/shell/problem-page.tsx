/** A page that could not be shown: what, why, and the way on. */
import { Link } from './link.tsx'
import { PageHeader } from './page-header.tsx'

export function ProblemPage({ title, text, hint }: { title: string; text: string; hint?: string }) {
  return (
    <>
      <PageHeader title="" />
      <main id="main" class="page" tabIndex={-1}>
        <div class="empty" role="alert">
          <h2>{title}</h2>
          {text && <p>{text}</p>}
          {hint && <p>{hint}</p>}
          <Link to="/" class="button">
            All documents
          </Link>
        </div>
      </main>
    </>
  )
}
