import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

extension TestCluster {
    /// A client that shows what travels, with the administrator's certificate or without any.
    ///
    /// - Parameter decompresses: asks for gzip, and reads it.
    func withClient(hasCertificate: Bool = true, decompresses: Bool = false, _ body: (HTTPClient) async throws -> Void)
        async throws
    {
        var tls = TLSConfiguration.makeClientConfiguration()
        func pem(_ name: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(directory)/pki/\(name)")))
        }
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(try pem("ca.crt")))
        if hasCertificate {
            tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(try pem("admin.crt")).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: try pem("admin.key"), format: .pem))
        }
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = tls
        if decompresses { configuration.decompression = .enabled(limit: .none) }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            try await body(client)
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }
}

extension HTTPClient {
    struct Answer {
        var code: UInt
        var headers: HTTPHeaders
        var body: ByteBuffer

        /// Empty where there is none.
        func header(_ name: String) -> String { headers.first(name: name) ?? "" }
        var bytes: [UInt8] { Array(body.readableBytesView) }
        var text: String { String(buffer: body) }
    }

    func answer(
        _ method: HTTPMethod, _ url: String, _ headers: [(String, String)] = [], body: [UInt8] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await execute(request, timeout: .seconds(30))
        return Answer(
            code: response.status.code, headers: response.headers, body: try await response.body.collect(upTo: 64 << 20)
        )
    }
}
