import KubernetesAPI

/// One request about objects, whichever way it came.
struct ObjectRequest: Sendable {
    var user: User
    var verb: APIRequest.Verb
    var resource: ServedResource
    var namespace: String
    var name: String
    /// Empty where the object itself is meant.
    var subresource: String
    /// What follows the subresource `proxy` in the path, without the slash.
    var subpath = ""
    var options: RequestOptions
    var patchType: APIRequest.PatchType?
    var body: Body?
    /// Of the client's `User-Agent`; of this process's parts their names.
    var userAgent = ""

    /// Who the fields belong to that this request writes.
    var fieldManager: String {
        options.fieldManager.isEmpty ? FieldManager.name(userAgent: userAgent) : options.fieldManager
    }

    /// A body that has been read as JSON or YAML.
    struct Body: Sendable {
        var value: JSONValue
        /// Paths of members that stood more than once.
        var duplicates: [String] = []
    }

    /// `pods/status`, as authorization and metrics name it.
    var resourcePath: String { subresource.isEmpty ? resource.plural : "\(resource.plural)/\(subresource)" }
    var key: ObjectKey { ObjectKey(namespace: resource.isNamespaced ? namespace : "", name: name) }
}

/// The answer to an `ObjectRequest`.
enum ObjectAnswer: Sendable {
    /// An object as it is stored: its encoded bytes can be sent as they are.
    case stored(StoredObject, code: Int)
    /// Something that is made for this answer: a Scale, a Status, the outcome of a dry run.
    case made(JSONValue, code: Int)
    case list(ObjectPage)
    case watch(ObjectWatch)
    case log(AsyncThrowingStream<[UInt8], any Error>)
    /// What the node agent answered.
    case raw(KubeletAnswer)
}

/// One chunk of a list.
struct ObjectPage: Sendable {
    var objects: [StoredObject]
    var resourceVersion: Int64
    /// Where the next chunk begins; empty after the last.
    var continueToken = ""
    var remaining: Int?
}
