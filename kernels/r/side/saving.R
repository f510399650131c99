# Saves the variables of the session into a folder (KN51): a copy of R does it, so that the session stands still only while
# it is copied. It is also used within IRkernel, whose R knows nothing else of ours.

kernel_space <- environment()
world <- new.env(parent = emptyenv())
most_shown <- 200L
portable_options <- c(
  "digits", "scipen", "warn", "stringsAsFactors", "contrasts", "na.action", "max.print", "OutDec", "repos", "encoding",
  "mc.cores", "digits.secs", "width"
)
not_attached <- c(
  ".GlobalEnv", "meshbook", "Autoloads", "package:stats", "package:graphics", "package:grDevices", "package:utils",
  "package:datasets", "package:methods", "package:base", "jupyter:irkernel", "tools:rstudio"
)

# At the start, so that it is known later what has changed.
note_world <- function() {
  world$folder <- getwd()
  world$options <- options()
  world$environment <- as.list(Sys.getenv())
}

changed_options <- function() {
  now <- options()
  names <- if (is.null(world$options)) intersect(portable_options, names(now)) else setdiff(names(now), "device")
  is_changed <- function(name) is.null(world$options) || !identical(now[[name]], world$options[[name]])
  is_plain <- function(value) is.atomic(value) || (is.list(value) && all(vapply(value, is.atomic, NA)))
  Filter(is_plain, now[Filter(is_changed, names)])
}

changed_environment <- function() {
  if (is.null(world$environment)) return(list(set = list(), unset = character()))
  now <- as.list(Sys.getenv())
  is_own <- function(name) !grepl("^(MESHBOOK_|JPY_|R_SESSION_TMPDIR$|_$)", name)
  names <- Filter(is_own, names(now))
  is_changed <- function(name) !identical(now[[name]], world$environment[[name]])
  list(set = now[Filter(is_changed, names)], unset = Filter(is_own, setdiff(names(world$environment), names(now))))
}

# Within the project it is told from there, as the project lies elsewhere on other devices.
place_of <- function(path) {
  if (is.null(world$folder)) return(list(path = path))
  if (identical(path, world$folder)) return(list(inside = "."))
  start <- paste0(world$folder, "/")
  if (startsWith(path, start)) list(inside = substring(path, nchar(start) + 1L)) else list(path = path)
}

attached_packages <- function() {
  found <- rev(setdiff(search(), not_attached))
  list(packages = sub("^package:", "", found[grepl("^package:", found)]), others = found[!grepl("^package:", found)])
}

lost_item <- function(name, reason) list(name = substr(name, 1L, 200L), reason = substr(reason, 1L, 1000L))

not_carried <- function(words) paste(words, if (startsWith(words, "it holds")) "which is not carried over" else "is not carried over",
  sep = if (startsWith(words, "it holds")) ", " else " ")

write_object <- function(object, folder, name) {
  target <- file(file.path(folder, name), "wb")
  on.exit(close(target))
  serialize(object, target, xdr = FALSE)
  close(target)
  on.exit()
  file.size(file.path(folder, name))
}

# Names that R's object systems keep come first when they are made again.
names_to_save <- function() {
  all <- setdiff(ls(globalenv(), all.names = TRUE), c(".Random.seed", ".Last.value", ".Traceback", "last.warning"))
  systems <- startsWith(all, ".__")
  c(all[systems], all[!systems])
}

value_of <- function(name) if (bindingIsActive(as.name(name), globalenv())) NULL else get(name, globalenv())

write_session <- function(folder) {
  names <- names_to_save()
  active <- Filter(function(name) bindingIsActive(as.name(name), globalenv()), names)
  names <- setdiff(names, active)
  sharing <- find_sharing(names)
  lost <- lapply(active, lost_item, "an active binding is not carried over")
  for (name in names(sharing$bad)) lost <- c(lost, list(lost_item(name, not_carried(sharing$bad[[name]]))))
  groups <- list()
  shown <- list()
  for (group in sharing$groups) {
    group <- setdiff(group, names(sharing$bad))
    if (length(group) == 0L) next
    file <- paste0("v", length(groups) + 1L, ".rds")
    size <- tryCatch(write_object(mget(group, envir = globalenv()), folder, file), error = identity)
    if (inherits(size, "error")) {
      unlink(file.path(folder, file))
      lost <- c(lost, lapply(group, lost_item, paste("it cannot be saved:", conditionMessage(size))))
      next
    }
    groups <- c(groups, list(list(file = file, names = group)))
    for (name in group[!startsWith(group, ".__")]) {
      about <- list(name = name, type = class(get(name, globalenv()))[1L])
      shown <- c(shown, list(if (length(group) == 1L) c(about, list(bytes = size)) else about))
    }
  }
  attached <- attached_packages()
  lost <- c(lost, lapply(attached$others, lost_item, "what was attached by hand is not carried over"))
  # IRkernel has a device of its own open all the time.
  is_guest <- !("meshbook" %in% search())
  if (!is_guest && !is.null(grDevices::dev.list())) lost <- c(lost, list(lost_item("graphics device", "an open plot is not carried over")))
  index <- list(
    groups = groups, packages = attached$packages, options = changed_options(), environment = changed_environment(),
    folder = place_of(getwd()), random = get0(".Random.seed", globalenv(), inherits = FALSE)
  )
  write_object(index, folder, "index.rds")
  list(variables = shown[seq_len(min(length(shown), most_shown))], more = max(0L, length(shown) - most_shown), lost = lost)
}

# What is told, as a file that is there once it is whole.
write_report <- function(told, report) {
  part <- paste0(report, ".part")
  target <- file(part, "wb")
  writeBin(charToRaw(json(told)), target)
  close(target)
  file.rename(part, report)
}

write_and_report <- function(folder, report) {
  failed <- function(condition) list(failed = conditionMessage(condition))
  told <- tryCatch(suppressWarnings(suppressMessages(write_session(folder))), error = failed)
  write_report(told, report)
}

# In a copy of R, which ends by itself; where there is no fork, here. Answers how long this R stood still.
save_session <- function(folder, report) suspendInterrupts({
  begun <- proc.time()[["elapsed"]]
  pid <- 0L
  if (.Platform$OS.type == "unix") {
    copy <- get("mcfork", asNamespace("parallel"))(TRUE)
    if (inherits(copy, "masterProcess")) {
      tools::psnice(value = 5L)
      try(write_and_report(folder, report), silent = TRUE)
      tools::pskill(Sys.getpid(), 9L)
      Sys.sleep(60)
    }
    pid <- copy$pid
  }
  else write_and_report(folder, report)
  list(pid = pid, pauseMs = max(0, round((proc.time()[["elapsed"]] - begun) * 1000)))
})
