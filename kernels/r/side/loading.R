# Makes the variables of a saved session in a fresh one (KN52). Who calls it has seen that the files are as written.

read_object <- function(folder, name) {
  source <- file(file.path(folder, name), "rb")
  on.exit(close(source))
  unserialize(source)
}

why_not_made <- function(condition) {
  text <- conditionMessage(condition)
  package <- regmatches(text, regexec("there is no package called .(\\w[A-Za-z0-9.]*).", text))[[1L]]
  if (length(package) == 2L) paste("the package", package[2L], "is not installed here")
  else paste("it could not be made here:", text)
}

attach_package <- function(name) {
  tryCatch({
    suppressPackageStartupMessages(library(name, character.only = TRUE, warn.conflicts = FALSE))
    NULL
  }, error = function(condition) lost_item(name, why_not_made(condition)))
}

make_group <- function(folder, group) {
  # A namespace that is missing is only warned of, and the global one taken in its place.
  missing <- NULL
  on_warning <- function(condition) {
    if (grepl("namespace|not available|no package", conditionMessage(condition))) missing <<- condition
    invokeRestart("muffleWarning")
  }
  values <- tryCatch(
    withCallingHandlers(read_object(folder, group$file), warning = on_warning),
    error = identity
  )
  if (inherits(values, "error")) missing <- values
  if (!is.null(missing)) return(lapply(group$names, lost_item, why_not_made(missing)))
  for (name in names(values)) assign(name, values[[name]], globalenv())
  list()
}

make_world <- function(index) {
  if (length(index$environment$set)) do.call(Sys.setenv, index$environment$set)
  Sys.unsetenv(index$environment$unset)
  options(index$options)
  folder <- index$folder
  path <- if (is.null(folder$inside)) folder$path else if (is.null(world$folder)) folder$inside else
    file.path(world$folder, folder$inside)
  tryCatch({
    setwd(path)
    list()
  }, error = function(condition) list(lost_item("working folder", paste(path, "is not there"))))
}

load_session <- function(folder) suspendInterrupts({
  index <- read_object(folder, "index.rds")
  lost <- make_world(index)
  for (package in index$packages) lost <- c(lost, Filter(Negate(is.null), list(attach_package(package))))
  for (group in index$groups) lost <- c(lost, make_group(folder, group))
  if (any(startsWith(ls(globalenv(), all.names = TRUE), ".__"))) methods::cacheMetaData(globalenv(), TRUE)
  if (!is.null(index$random)) assign(".Random.seed", index$random, globalenv())
  gone <- vapply(lost, function(item) item$name, "")
  list(names = as.list(setdiff(unlist(lapply(index$groups, function(group) group$names)), gone)), lost = lost)
})
