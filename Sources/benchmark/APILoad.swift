import Foundation

/// Requests to the API by `wrk`, which a script tells what to send.
struct APILoad: Sendable {
    enum Kind: Sendable {
        case create(prefix: String)
        case get(prefix: String, count: Int)
        case update(prefix: String, count: Int)
        case list(selector: String)

        /// What the script takes: what to do, the objects' prefix, how many of them there are.
        var words: [String] {
            switch self {
            case .create(let prefix): ["create", prefix, "0"]
            case .get(let prefix, let count): ["get", prefix, "\(count)"]
            case .update(let prefix, let count): ["update", prefix, "\(count)"]
            case .list(let selector): ["list", selector, "0"]
            }
        }
    }

    private let server: String
    private let token: String
    private let script: String

    init(server: String, token: String) throws {
        self.server = server
        self.token = token
        script = NSTemporaryDirectory() + "/minikube-lite-benchmark-\(getpid()).lua"
        try Self.text.write(toFile: script, atomically: true, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(atPath: script) }

    func run(_ kind: Kind, _ connections: Int, _ seconds: Int) async throws -> LoadRun {
        try await LoadRun.make(
            [
                "wrk", "--threads", "1", "--connections", "\(connections)", "--duration", "\(seconds)s", "--latency",
                "--timeout", "30s", "--script", script, server, "--", token, APIMeasurements.namespace,
            ] + kind.words)
    }

    /// One thread, so that one counter names all objects.
    private static let text = """
        local number, token, namespace, what, prefix, count = 0
        local filler = string.rep("x", 800)

        function init(arguments)
          token, namespace, what, prefix, count = unpack(arguments)
          count = tonumber(count)
        end

        local function object(name, version)
          return '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. name .. '","labels":{"prefix":"' ..
            prefix:match("^%a+") .. '"}},"data":{"version":"' .. version .. '","text":"' .. filler .. '"}}'
        end

        function request()
          number = number + 1
          local headers = {["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json"}
          local path = "/api/v1/namespaces/" .. namespace .. "/configmaps"
          if what == "create" then
            return wrk.format("POST", path, headers, object(prefix .. "-" .. number, 0))
          elseif what == "list" then
            return wrk.format("GET", path .. "?labelSelector=" .. prefix, headers)
          end
          local name = prefix .. "-" .. (number % count + 1)
          if what == "get" then return wrk.format("GET", path .. "/" .. name, headers) end
          return wrk.format("PUT", path .. "/" .. name, headers, object(name, number))
        end

        """
}
