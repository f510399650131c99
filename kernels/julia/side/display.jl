# How a value is shown: every representation that it offers, the plain text last.

const richer = [
    "application/vnd.vegalite.v5+json", "application/vnd.vegalite.v4+json", "application/vnd.plotly.v1+json",
    "text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png", "image/jpeg",
]
const plain_chars = 128 * 1024

struct CellDisplay <: AbstractDisplay end

function rendered(mime::AbstractString, value)
    io = IOBuffer()
    Base.invokelatest(show, IOContext(io, :limit => true, :color => false, :displaysize => (30, 100)), MIME(mime), value)
    take!(io)
end

function part(mime::AbstractString, value)
    bytes = rendered(mime, value)
    if startswith(mime, "image/") && mime != "image/svg+xml"
        return (mimeType = mime, data = Base64.base64encode(bytes), base64 = true)
    end
    (mimeType = mime, data = first(String(bytes), mime == "text/plain" ? plain_chars : typemax(Int)))
end

# One that fails is left out; the plain text is not, so that its error is seen.
function offered(mime, value)
    try
        Base.invokelatest(showable, MIME(mime), value) ? part(mime, value) : nothing
    catch error
        error isa InterruptException && rethrow()
        nothing
    end
end

function parts_of(value)
    found = filter(!isnothing, Any[offered(mime, value) for mime in richer])
    push!(found, part("text/plain", value))
end

Base.display(::CellDisplay, value) = tell("display"; parts = parts_of(value))
Base.display(::CellDisplay, mime::MIME, value) = tell("display"; parts = Any[part(string(mime), value)])
Base.display(::CellDisplay, mime::AbstractString, value) = tell("display"; parts = Any[part(mime, value)])
Base.displayable(::CellDisplay, ::MIME) = true
