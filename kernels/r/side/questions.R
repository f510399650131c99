# Completion, documentation and variables. They read, and evaluate no promise and no active binding.

items_shown <- 200L
preview_units <- 200L
text_units <- 20000L

completion <- function(before) {
  line <- sub(".*\n", "", before)
  utils:::.assignLinebuffer(line)
  utils:::.assignEnd(nchar(line))
  token <- utils:::.guessTokenFromLine()
  whole <- sub("[$@].*", "", token)
  if (whole != token && is_lazy(whole, globalenv())) return(list(token = token, items = list()))
  utils:::.completeToken()
  found <- head_of(unique(utils:::.retrieveCompletions()), items_shown)
  list(token = token, items = lapply(found, function(label) list(label = label)))
}

help_text <- function(topic, package) {
  found <- utils::help((topic), package = if (is.null(package)) NULL else (package), help_type = "text")
  if (length(found) == 0L) return("")
  page <- utils:::.getHelpFile(as.character(found)[1L])
  lines <- utils::capture.output(tools::Rd2txt(page, options = list(underline_titles = FALSE)))
  paste(lines, collapse = "\n")
}

own_text <- function(name) {
  if (is_lazy(name, globalenv())) return("")
  value <- get0(name, globalenv())
  if (is.null(value)) "" else paste(utils::capture.output(utils::str(value, vec.len = 3, list.len = 30)), collapse = "\n")
}

signature_text <- function(name, package) {
  space <- if (is.null(package)) globalenv() else asNamespace(package)
  value <- get0(name, space, mode = "function")
  if (is.null(value)) return("")
  text <- deparse(args(value), width.cutoff = 80L)
  paste0(paste(sub("^function ", name, text[-length(text)]), collapse = "\n"), "\n\n")
}

documentation <- function(topic) {
  parts <- strsplit(topic, ":::?")[[1L]]
  name <- parts[length(parts)]
  package <- if (length(parts) == 2L) parts[1L]
  if (length(name) == 0L || is.na(name) || name == "") return(list(found = FALSE, text = ""))
  own <- is.null(package) && exists(name, globalenv(), inherits = FALSE)
  text <- if (own) own_text(name) else paste0(signature_text(name, package), help_text(name, package))
  list(found = trimws(text) != "", text = substr(text, 1L, text_units))
}

# Whether reading it would run something. The binding is copied as it is, and substitute() tells what is in it.
is_lazy <- function(name, space) {
  if (!exists(name, space, inherits = FALSE)) return(FALSE)
  bindingIsActive(as.name(name), space) || is.language(unread(name, space))
}

unread <- function(name, space) {
  copy <- new.env(parent = emptyenv())
  .Internal(importIntoEnv(copy, name, space, name))
  eval(call("substitute", as.name(name), copy))
}

variable <- function(name) {
  if (bindingIsActive(as.name(name), globalenv())) return(list(name = name, type = "active binding", preview = ""))
  inside <- unread(name, globalenv())
  if (is.language(inside)) return(list(name = name, type = "language or promise", preview = preview(call_text(inside))))
  value <- get(name, globalenv())
  shown <- list(name = name, type = paste(class(value), collapse = ", "), preview = preview_of(value))
  size <- size_of(value)
  if (is.null(size)) shown else c(shown, list(size = size))
}

size_of <- function(value) {
  if (is.function(value) || is.environment(value)) return(NULL)
  if (is.object(value) && !is.data.frame(value)) return(as.character(length(unclass(value))))
  paste(if (is.null(dim(value))) length(value) else dim(value), collapse = " \u00d7 ")
}

preview_of <- function(value) {
  if (is.function(value)) return(preview(call_text(args(value))))
  if (is.atomic(value) && !is.object(value) && length(value) == 1L) return(preview(format(value)))
  # What has a class has methods, and those are the user's: only what it is made of is shown.
  if (is.object(value) && !is.data.frame(value) && !is.factor(value)) {
    if (is.environment(value) || isS4(value) || typeof(value) == "externalptr") return(typeof(value))
    value <- unclass(value)
  }
  lines <- utils::capture.output(utils::str(value, give.attr = FALSE, list.len = 5L, vec.len = 3))
  preview(paste(trimws(lines), collapse = " "))
}

preview <- function(text) substr(paste(text, collapse = " "), 1L, preview_units)

variables <- function() {
  names <- ls(globalenv())
  safely <- function(name) tryCatch(variable(name), error = function(e) list(name = name, type = "unknown", preview = ""))
  list(items = lapply(head_of(names, items_shown), safely), truncated = length(names) > items_shown)
}

# A question that fails or is interrupted is answered with nothing.
answer <- function(number, question) {
  drain_interrupt()
  nothing <- function(condition) NULL
  result <- tryCatch(suppressWarnings(suppressMessages(allowInterrupts(question()))), error = nothing, interrupt = nothing)
  tell("answer", question = as.integer(number), result = result)
}

# One that nothing may break off in its middle, and whose failure is told.
answer_whole <- function(number, question) {
  drain_interrupt()
  failed <- function(condition) list(failed = conditionMessage(condition))
  result <- tryCatch(suppressWarnings(suppressMessages(question())), error = failed)
  tell("answer", question = as.integer(number), result = result)
}
