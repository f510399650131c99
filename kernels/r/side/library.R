# The library of a project that uses renv. Its packages are used; its .Rprofile is not run (KN41).

project_library <- function(folder) {
  series <- paste0("R-", getRversion()[1L, 1:2])
  roots <- file.path(folder, "renv", "library")
  candidates <- c(
    Sys.glob(file.path(roots, "*", series, R.version$platform)),
    file.path(roots, series, R.version$platform)
  )
  candidates[dir.exists(candidates)][1L]
}

use_project_library <- function() {
  found <- project_library(getwd())
  # As renv does: packages of the project and of R itself, none of the person's own library.
  if (!is.na(found)) .libPaths(c(found, .Library), include.site = FALSE)
}
