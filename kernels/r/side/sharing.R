# Which variables share environments: all else of R is copied when it is changed. On the way it is seen what would come
# back dead (KN51).

most_steps <- 400000L

words_for <- function(value) {
  if (inherits(value, "connection")) "an open connection"
  else if (typeof(value) == "externalptr") "an address in memory"
  else if (typeof(value) == "weakref") "a weak reference"
}

address_of <- function(space) format(.Internal(address(space)))

is_outside <- function(space) {
  identical(space, globalenv()) || identical(space, baseenv()) || identical(space, emptyenv()) ||
    isNamespace(space) || grepl("^(package|imports):", environmentName(space)) ||
    !is.null(attr(space, "name")) && grepl("^package:", attr(space, "name"))
}

# Of names in the global environment: `groups`, lists of them, and by name `bad`, why one cannot be saved.
find_sharing <- function(names) {
  owner <- new.env(parent = emptyenv())
  head <- seq_along(names)
  bad <- list()
  steps <- 0L
  own <- 0L

  first <- function(index) {
    while (head[index] != index) index <- head[index]
    index
  }
  join <- function(other) {
    a <- first(own)
    b <- first(other)
    head[max(a, b)] <<- min(a, b)
  }
  note <- function(words, inner) {
    name <- names[own]
    if (is.null(bad[[name]])) bad[[name]] <<- if (inner) paste("it holds", words) else words
  }
  look_into <- function(space) {
    if (identical(space, kernel_space)) return(note("a function of the kernel itself", FALSE))
    if (is_outside(space)) return()
    key <- address_of(space)
    if (!is.null(owner[[key]])) return(join(owner[[key]]))
    owner[[key]] <- own
    for (name in setdiff(ls(space, all.names = TRUE, sorted = FALSE), "...")) {
      # Of an argument that is missing there is nothing to get.
      if (!is_lazy(name, space)) look(tryCatch(get(name, space), error = function(condition) NULL), TRUE)
    }
    look_into(parent.env(space))
  }
  # Addresses among them that R makes anew by itself (data tables, class definitions) are no loss.
  look_at_attributes <- function(value) {
    own_attributes <- attributes(value)
    if (inherits(value, "classRepresentation")) own_attributes$prototype <- NULL
    for (name in setdiff(names(own_attributes), c("names", "dim", "dimnames", "levels", "row.names", "class", "tsp",
      "srcref", "srcfile", "wholeSrcref", ".internal.selfref", "versionKey", "conn_id"))) look(own_attributes[[name]], TRUE)
  }
  look <- function(value, inner) {
    steps <<- steps + 1L
    if (steps > most_steps) stop("too much to look at")
    words <- words_for(value)
    if (!is.null(words)) return(note(words, inner))
    switch(typeof(value),
      environment = look_into(value),
      closure = look_into(environment(value)),
      list = , expression = , pairlist = for (part in value) if (!is.atomic(part) || is.object(part)) look(part, TRUE)
    )
    if (typeof(value) != "environment" || is.object(value)) look_at_attributes(value)
  }

  whole <- tryCatch({
    for (index in seq_along(names)) {
      own <- index
      if (!is_lazy(names[index], globalenv())) look(get(names[index], globalenv()), FALSE)
    }
    TRUE
  }, error = function(condition) FALSE)
  # What has not been looked at counts as shared, which is right and only costs more.
  heads <- if (whole) vapply(seq_along(names), first, 0L) else rep(1L, length(names))
  list(groups = unname(split(names, factor(heads, unique(heads)))), bad = bad)
}
