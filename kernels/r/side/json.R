# JSON as Node reads it.

json_text <- function(text) {
  text <- enc2utf8(as.character(text))
  if (is.na(text)) return("\"NA\"")
  if (!validUTF8(text)) text <- iconv(text, "UTF-8", "UTF-8", sub = "\ufffd")
  text <- gsub("\\", "\\\\", text, fixed = TRUE)
  text <- gsub("\"", "\\\"", text, fixed = TRUE)
  if (grepl("[\001-\037]", text, perl = TRUE)) {
    for (code in 1:31) text <- gsub(intToUtf8(code), sprintf("\\u%04x", code), text, fixed = TRUE)
  }
  paste0("\"", text, "\"")
}

# NULL, TRUE, a number, a text, a list with names (an object) or without (an array).
json <- function(value) {
  if (is.null(value)) "null"
  else if (is.list(value) && !is.null(names(value))) {
    fields <- mapply(function(name, field) paste0(json_text(name), ":", json(field)), names(value), value)
    paste0("{", paste(fields, collapse = ","), "}")
  }
  else if (is.list(value)) paste0("[", paste(vapply(value, json, ""), collapse = ","), "]")
  else if (is.logical(value)) if (isTRUE(value)) "true" else "false"
  else if (is.numeric(value)) format(value, digits = 15L, scientific = FALSE, decimal.mark = ".")
  else json_text(value)
}
