public import Logging

extension PodRuntime {
    /// With the images of `<data>/images`.
    public convenience init(configuration: RuntimeConfiguration, logger: Logger) async throws {
        let store = try ImageStore(
            directory: configuration.dataDirectory + "/images", unpackerExecutable: configuration.unpackerExecutable)
        try await self.init(configuration: configuration, images: store, logger: logger)
    }
}
