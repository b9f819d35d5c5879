import Foundation
import Yams

/// A kubeconfig file that cannot be used, and why.
public struct KubeconfigError: Error, Sendable, CustomStringConvertible {
    public let path: String
    public let problem: String

    public init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    public var description: String { "kubeconfig \(path): \(problem)" }
}

/// How to reach a cluster, as kubectl keeps it (client-go's `Config`, v1): YAML or JSON.
public struct Kubeconfig: Sendable {
    /// One context, with all that it names put together and all files read.
    public struct Context: Sendable, Hashable {
        /// The file that it came from.
        public var path: String
        public var name: String
        /// E.g. `https://127.0.0.1:6443`.
        public var server: String
        /// `default` where the context names none.
        public var namespace: String
        /// PEM; nil trusts the system's authorities.
        public var certificateAuthority: [UInt8]?
        public var skipsVerification: Bool
        /// PEM.
        public var clientCertificate: [UInt8]?
        /// PEM.
        public var clientKey: [UInt8]?
        public var token: String?
    }

    private struct File: Decodable {
        struct Named<Value: Decodable>: Decodable {
            var name: String
            var value: Value

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                name = try container.decode(String.self, forKey: Key("name"))
                let key = container.allKeys.first { $0.stringValue != "name" } ?? Key("")
                value = try container.decode(Value.self, forKey: key)
            }
        }
        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(_ text: String) { stringValue = text }
            init?(stringValue: String) { self.init(stringValue) }
            init?(intValue: Int) { nil }
        }
        struct Cluster: Decodable {
            var server: String
            var authority: String?
            var authorityData: String?
            var insecure: Bool?
            enum CodingKeys: String, CodingKey {
                case server
                case authority = "certificate-authority"
                case authorityData = "certificate-authority-data"
                case insecure = "insecure-skip-tls-verify"
            }
        }
        struct User: Decodable {
            var certificate: String?
            var certificateData: String?
            var key: String?
            var keyData: String?
            var token: String?
            var exec: Empty?
            enum CodingKeys: String, CodingKey {
                case certificate = "client-certificate"
                case certificateData = "client-certificate-data"
                case key = "client-key"
                case keyData = "client-key-data"
                case token, exec
            }
        }
        struct Empty: Decodable {}
        struct ContextEntry: Decodable {
            var cluster: String
            var user: String?
            var namespace: String?
        }
        var clusters: [Named<Cluster>]?
        var users: [Named<User>]?
        var contexts: [Named<ContextEntry>]?
        var current: String?
        enum CodingKeys: String, CodingKey {
            case clusters, users, contexts
            case current = "current-context"
        }
    }

    /// Reads one context of a file: the one of that name, or the current one.
    public static func load(path: String, context name: String? = nil) throws(KubeconfigError) -> Context {
        func problem(_ text: String) -> KubeconfigError { KubeconfigError(path: path, problem: text) }
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            let missing = !FileManager.default.fileExists(atPath: path)
            throw problem(missing ? "there is no such file" : "it cannot be read (\(error.localizedDescription))")
        }
        let file: File
        do {
            file = try YAMLDecoder().decode(File.self, from: text)
        } catch {
            throw problem("it is not a kubeconfig (\(error))")
        }
        guard let wanted = name ?? file.current, !wanted.isEmpty else { throw problem("it names no current context") }
        guard let entry = file.contexts?.first(where: { $0.name == wanted })?.value else {
            throw problem("it has no context \"\(wanted)\"")
        }
        guard let cluster = file.clusters?.first(where: { $0.name == entry.cluster })?.value else {
            throw problem("it has no cluster \"\(entry.cluster)\", which context \"\(wanted)\" names")
        }
        let user = file.users?.first { $0.name == entry.user }?.value
        if user?.exec != nil, user?.certificateData == nil, user?.token == nil {
            throw problem("user \"\(entry.user ?? "")\" gets credentials from a plug-in, which is not supported")
        }
        func content(_ data: String?, _ file: String?, _ what: String) throws(KubeconfigError) -> [UInt8]? {
            if let data {
                guard let decoded = Data(base64Encoded: data, options: .ignoreUnknownCharacters) else {
                    throw problem("\(what)-data is not base64")
                }
                return Array(decoded)
            }
            guard let file else { return nil }
            // Relative to the kubeconfig's own folder.
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            let full = file.hasPrefix("/") ? file : "\(folder)/\(file)"
            guard let bytes = FileManager.default.contents(atPath: full) else {
                throw problem("\(what) \(full) cannot be read")
            }
            return Array(bytes)
        }
        return Context(
            path: path, name: wanted, server: cluster.server, namespace: entry.namespace ?? "default",
            certificateAuthority: try content(cluster.authorityData, cluster.authority, "certificate-authority"),
            skipsVerification: cluster.insecure ?? false,
            clientCertificate: try content(user?.certificateData, user?.certificate, "client-certificate"),
            clientKey: try content(user?.keyData, user?.key, "client-key"), token: user?.token)
    }
}
