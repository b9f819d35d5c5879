/// The options of a container's overlay mount.
///
/// mount(2) takes one page of options, so layers are named relative to the directory that they have in common, which
/// the walker changes to first.
struct OverlayOptions {
    /// The directory that layers are relative to.
    let base: String
    let data: String

    /// - Parameters:
    ///   - layers: absolute directories, top first.
    ///   - upper: the writable layer. It is never mounted twice, so it is mounted `volatile`: no sync of the whole
    ///     disk when a container ends.
    init(layers: [String], upper: String, work: String) throws {
        guard let first = layers.first else {
            throw RuntimeError(.imageNotFound, step: "mount", object: "overlay", message: "the image has no layers")
        }
        var common = first.split(separator: "/").dropLast()
        for layer in layers.dropFirst() {
            let parts = layer.split(separator: "/")
            common = common[..<(zip(common, parts).prefix { $0 == $1 }.count)]
        }
        base = "/" + common.joined(separator: "/")
        let skip = common.count
        let relative = layers.map { layer in
            Self.escaped(layer.split(separator: "/").dropFirst(skip).joined(separator: "/"))
        }
        data =
            "lowerdir=\(relative.joined(separator: ":")),upperdir=\(Self.escaped(upper)),workdir=\(Self.escaped(work))"
            + ",volatile"
        guard data.utf8.count < 4096 else {
            throw RuntimeError(
                .create, step: "mount", object: "overlay",
                message: "the image has too many layers (\(layers.count)) for one mount call")
        }
    }

    /// overlayfs takes `\`, `:` and `,` for itself.
    private static func escaped(_ path: String) -> String {
        var text = ""
        for character in path {
            if character == "\\" || character == ":" || character == "," { text.append("\\") }
            text.append(character)
        }
        return text
    }
}
