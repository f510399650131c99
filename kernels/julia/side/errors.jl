# Errors as the host wants them: name, message, and the lines of cells that led to it.

const sources = Dict{String,Vector{SubString{String}}}()
const shown_frames = 40

function frame_text(frame)
    file = String(frame.file)
    haskey(sources, file) || return nothing
    lines = sources[file]
    text = 1 <= frame.line <= length(lines) ? strip(lines[frame.line]) : ""
    "at $(file)#$(frame.line): $(first(text, 300))"
end

function frames_of(backtrace)
    found = filter(!isnothing, Any[frame_text(frame) for frame in stacktrace(backtrace)])
    unique = String[]
    for text in Iterators.reverse(found)
        (isempty(unique) || unique[end] != text) && push!(unique, text)
    end
    length(unique) <= shown_frames ? unique :
        [unique[1:20]; "... $(length(unique) - shown_frames) more"; unique[end-19:end]]
end

function message_of(error)
    try
        Base.invokelatest(sprint, showerror, error)
    catch
        "an error whose text could not be shown"
    end
end

function failure(error, backtrace)
    message = message_of(error)
    name = string(nameof(typeof(error)))
    lines = String.(split("$(name): $(message)", '\n'))
    (type = "failed", error = (name = name, message = message, traceback = [frames_of(backtrace); lines]))
end
